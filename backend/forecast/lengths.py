"""How many tokens a data set has for a model, without loading a tokenizer.

Counted is the longest match in the tokenizer's vocabulary from left to right, which comes within a few percent of byte
pair encoding; the words around each message are those of ChatML, which most templates resemble.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from math import ceil
from pathlib import Path
from typing import Any

from backend.data import rows
from backend.data.corpora import index
from backend.data.corpora.share import HELD_TOKENS, Weighed, held_of
from backend.data.datasets import Dataset
from backend.data.rows import Row
from backend.data.rows import answers as answered
from backend.data.split import kept_apart, split
from backend.data.tasks.asking import as_chat
from backend.paths import Workspace
from backend.recipes.schema import Recipe

SAMPLE = 1000
SAMPLED_DOCUMENTS = 256
WORD = re.compile(r" ?[^\s\w]+| ?\w+|\s+(?!\S)|\s+")
ROLE_MARKS = 4  # begin, newline after the role, end, newline
ASKED_IN = "ro"  # labels, scores and exams are counted as they would be asked
CHARACTERS_PER_TOKEN = 3.0  # of a tokenizer that cannot be read here


@dataclass(frozen=True)
class Lengths:
    """Tokens of the conversations or texts of a data set: a sample of them, in order of length, uncut.

    `rows`: how many there are; `learned`: share of all tokens that counts in the loss; `held`: rows that are kept apart
    to measure on (None: not looked at); `replayed`: tokens of a sample of the rows that are mixed in.
    `trained`: of every row that is trained on, in the order of the file; () where only a sample was counted.
    `sampled`: how many rows there are was judged by a sample too.
    """

    rows: int
    tokens: tuple[int, ...]
    learned: float
    held: int | None = None
    replayed: tuple[int, ...] = ()
    trained: tuple[int, ...] = ()
    sampled: bool = False

    @property
    def mean(self) -> float:
        return sum(self.tokens) / len(self.tokens)


class Vocabulary:
    """The pieces of a tokenizer.json."""

    def __init__(self, tokenizer: dict[str, Any]) -> None:
        vocabulary = tokenizer["model"]["vocab"]
        pieces = vocabulary if isinstance(vocabulary, dict) else [piece for piece, _ in vocabulary]
        self._pieces = frozenset(pieces)
        self._longest = min(64, max(map(len, self._pieces)))
        self._bytes = _byte_letters() if "ByteLevel" in json.dumps(tokenizer.get("pre_tokenizer")) else None
        self.count = lru_cache(maxsize=100_000)(self._count)

    def tokens(self, text: str) -> int:
        return sum(self.count(word) for word in WORD.findall(text))

    def _count(self, word: str) -> int:
        if self._bytes is not None:
            written = "".join(self._bytes[byte] for byte in word.encode())
        else:
            written = word.replace(" ", "▁") if word.startswith(" ") else f"▁{word}"
        at = found = 0
        while at < len(written):
            ends = range(min(len(written), at + self._longest), at + 1, -1)
            at = next((end for end in ends if written[at:end] in self._pieces), at + 1)
            found += 1
        return found


def of_run(recipe: Recipe, data: Dataset, replay: Dataset | None, tokenizer: Path) -> Lengths:
    """Of what a run of this recipe learns from, split as the run itself will split it."""
    own = measured(data.path, data.rows, tokenizer)
    held = _held(data.path, data.path.stat().st_mtime_ns, recipe.watching.eval_share, recipe.compute.seed)
    if replay is None:
        return replace(own, held=held, trained=_trained(recipe, data, tokenizer))
    other = measured(replay.path, replay.rows, tokenizer)
    mixed = (1 - recipe.replay.share) * own.learned + recipe.replay.share * other.learned
    return replace(own, held=held, replayed=other.tokens, learned=mixed)


def measured(path: Path, count: int, tokenizer: Path) -> Lengths:
    """Lengths of the `count` rows in the file at `path` for the tokenizer.json at `tokenizer`."""
    return _measured(path, path.stat().st_mtime_ns, count, tokenizer, _changed(tokenizer))


def streamed(recipe: Recipe, corpora: tuple[Weighed, ...], workspace: Workspace, tokenizer: Path) -> Lengths:
    """Of texts that are read while they are trained on: full windows, as many as a sample of each corpus says.

    DataError when a file is gone or was changed.
    """
    changed = _changed(tokenizer)
    indexed = [index.of(one.dataset, workspace) for one in corpora]
    pairs = zip(corpora, indexed, strict=True)
    sampled = [_of_sample(one.dataset.path, at.folder, tokenizer, changed) for one, at in pairs]
    tokens, documents = (sum(parts) for parts in zip(*sampled, strict=True))
    most, count = recipe.batch.max_length, sum(map(len, indexed))
    windows = max(1, round(tokens / most))
    held = min(HELD_TOKENS, tokens * held_of(count, recipe.watching.eval_share) / count)
    pieces = windows + documents  # a window begins with one, and so does a document
    return Lengths(windows, (most,), max(0.0, 1 - pieces / max(tokens, pieces)), held=ceil(held / most), sampled=True)


@lru_cache(maxsize=64)
def _of_sample(path: Path, indexed: Path, tokenizer: Path, changed: int) -> tuple[float, int]:
    """(tokens, documents) of a whole corpus, by the bytes of documents that are spread over it."""
    found, vocabulary = index.opened(indexed), _vocabulary(tokenizer, changed) if changed else None
    tokens = size = 0
    with path.open("rb") as file:
        for first, length in map(found.place, found.spread(SAMPLED_DOCUMENTS)):
            file.seek(first)
            tokens += _row(json.loads(file.read(length)), vocabulary)[0]
            size += length
    return tokens / max(size, 1) * found.bytes, len(found)


@lru_cache(maxsize=32)
def _held(path: Path, _changed: int, share: float, seed: int) -> int:
    return kept_apart(rows.read(path), share, seed)


def _trained(recipe: Recipe, data: Dataset, tokenizer: Path) -> tuple[int, ...]:
    """Of every row that is trained on, where there are so few that each is counted."""
    if data.rows >= 2 * SAMPLE:
        return ()
    share, seed = recipe.watching.eval_share, recipe.compute.seed
    return _split(data.path, data.path.stat().st_mtime_ns, tokenizer, _changed(tokenizer), share, seed)


def _changed(tokenizer: Path) -> int:
    """When it was changed last; 0 where there is none that can be read here."""
    return tokenizer.stat().st_mtime_ns if tokenizer.is_file() else 0


@lru_cache(maxsize=32)
def _split(path: Path, _path_changed: int, tokenizer: Path, changed: int, share: float, seed: int) -> tuple[int, ...]:
    vocabulary = _vocabulary(tokenizer, changed) if changed else None
    learned, _ = split(rows.read(path), share, seed)
    return tuple(_row(row, vocabulary)[0] for row in learned)


@lru_cache(maxsize=32)
def _measured(path: Path, _path_changed: int, count: int, tokenizer: Path, changed: int) -> Lengths:
    vocabulary = _vocabulary(tokenizer, changed) if changed else None
    every = max(1, count // SAMPLE)
    return of(islice(rows.read(path), 0, None, every), count, vocabulary)


@lru_cache(maxsize=4)
def _vocabulary(tokenizer: Path, _changed: int) -> Vocabulary:
    return Vocabulary(json.loads(tokenizer.read_text(encoding="utf-8")))


def of(found: Iterable[Row], count: int, vocabulary: Vocabulary | None) -> Lengths:
    """Lengths of `count` rows of which `found` is a sample."""
    pairs = [_row(row, vocabulary) for row in found]
    whole = sum(tokens for tokens, _ in pairs)
    learned = sum(part for _, part in pairs)
    return Lengths(count, tuple(sorted(tokens for tokens, _ in pairs)), learned / max(whole, 1))


def _row(row: Row, vocabulary: Vocabulary | None) -> tuple[int, int]:
    """(tokens, of these learned)"""
    shape = rows.shape(row)
    if shape == "text":
        size = _tokens(row["text"], vocabulary) + 1
        return size, size - 1
    if shape == "preference":
        return _pair(row, vocabulary)
    row = as_chat(row, ASKED_IN)
    whole = learned = 0
    for role, size in _messages(row, vocabulary):
        whole += size + ROLE_MARKS + _tokens(role, vocabulary)
        learned += size + 1 if role == "assistant" else 0
    return whole, learned


def _pair(row: Row, vocabulary: Vocabulary | None) -> tuple[int, int]:
    """Of the conversation with either answer, both as long as the longer one: they stand side by side."""
    asked, _ = _row({"messages": row["prompt"]}, vocabulary)
    answers = [_tokens(text, vocabulary) + 1 for text in answered(row)]
    marks = ROLE_MARKS - 1 + _tokens("assistant", vocabulary)
    return 2 * (asked + marks + max(answers)), sum(answers)


def _messages(row: Row, vocabulary: Vocabulary | None) -> Iterator[tuple[str, int]]:
    for message in rows.turns(row):
        yield message["role"], _tokens(rows.said(message), vocabulary)


def _tokens(text: str, vocabulary: Vocabulary | None) -> int:
    return vocabulary.tokens(text) if vocabulary else round(len(text) / CHARACTERS_PER_TOKEN)


def _byte_letters() -> tuple[str, ...]:
    """The letter that stands for each byte in a byte-level vocabulary (as in GPT-2's tokenizer)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    return tuple(chr(byte) if byte in printable else chr(next(spare)) for byte in range(256))
