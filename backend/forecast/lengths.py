"""How many tokens a data set has for a model, without loading a tokenizer.

How they are counted says `backend.data.tokens.counting`.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from math import ceil
from pathlib import Path

from backend.data import rows
from backend.data.corpora import index
from backend.data.corpora.share import HELD_TOKENS, Weighed, held_of
from backend.data.datasets import Dataset
from backend.data.pictures.stored import size_of
from backend.data.rows import Row
from backend.data.split import Sizes, sizes, split
from backend.data.tokens.counting import Vocabulary, row_tokens, vocabulary_of
from backend.models.sight.tower import patches
from backend.models.sight.words import counter
from backend.paths import Workspace
from backend.recipes.schema import Recipe

Looked = Callable[[Row], int]
SAMPLE = 1000
SAMPLED_DOCUMENTS = 256


@dataclass(frozen=True)
class Seen:
    """Of the pictures of a data set: how many a row shows, and how many there are (`distinct`); patches of one, on
    average and at most; pixels of the largest; `words`: what all pictures of a row become in it, on average.
    """

    pictures: float
    distinct: int
    patches: float
    most: int
    pixels: int
    words: float


@dataclass(frozen=True)
class Lengths:
    """Tokens of the conversations or texts of a data set: a sample of them, in order of length, uncut.

    `rows`: how many there are; `learned`: share of all tokens that counts in the loss; `held`: rows that are kept apart
    to measure on (None: not looked at); `replayed`: tokens of a sample of the rows that are mixed in.
    `trained`: of every row that is trained on, in the order of the file; () where only a sample was counted.
    `sampled`: how many rows there are was judged by a sample too. `seen`: None where no pictures are looked at.
    """

    rows: int
    tokens: tuple[int, ...]
    learned: float
    held: int | None = None
    replayed: tuple[int, ...] = ()
    trained: tuple[int, ...] = ()
    sampled: bool = False
    seen: Seen | None = None

    @property
    def mean(self) -> float:
        return sum(self.tokens) / len(self.tokens)


def of_run(recipe: Recipe, data: Dataset, replay: Dataset | None, tokenizer: Path) -> Lengths:
    """Of what a run of this recipe learns from, split as the run itself will split it."""
    own = measured(data.path, data.rows, tokenizer)
    apart, unused = _sizes(data.path, data.path.stat().st_mtime_ns, recipe.watching.eval_share, recipe.compute.seed)
    own = replace(own, rows=own.rows - unused, held=apart)
    if replay is None:
        return replace(own, trained=_trained(recipe, data, tokenizer))
    other = measured(replay.path, replay.rows, tokenizer)
    mixed = (1 - recipe.replay.share) * own.learned + recipe.replay.share * other.learned
    return replace(own, replayed=other.tokens, learned=mixed)


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
    found, vocabulary = index.opened(indexed), vocabulary_of(tokenizer, changed) if changed else None
    tokens = size = 0
    with path.open("rb") as file:
        for first, length in map(found.place, found.spread(SAMPLED_DOCUMENTS)):
            file.seek(first)
            tokens += row_tokens(json.loads(file.read(length)), vocabulary)[0]
            size += length
    return tokens / max(size, 1) * found.bytes, len(found)


@lru_cache(maxsize=32)
def _sizes(path: Path, _changed: int, share: float, seed: int) -> Sizes:
    return sizes(rows.read(path), share, seed)


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
    vocabulary = vocabulary_of(tokenizer, changed) if changed else None
    learned, _ = split(rows.read(path), share, seed)
    looked = _looked(tokenizer.parent, path.parent)
    return tuple(row_tokens(row, vocabulary)[0] + looked(row) for row in learned)


@lru_cache(maxsize=32)
def _measured(path: Path, _path_changed: int, count: int, tokenizer: Path, changed: int) -> Lengths:
    vocabulary = vocabulary_of(tokenizer, changed) if changed else None
    every = max(1, count // SAMPLE)
    some = list(islice(rows.read(path), 0, None, every))
    found = of(some, count, vocabulary, _looked(tokenizer.parent, path.parent))
    return replace(found, seen=_seen(some, count, tokenizer.parent, path.parent))


def _seen(found: list[Row], count: int, model: Path, data: Path) -> Seen | None:
    """Of the pictures of `count` rows in the folder `data`, of which these are a sample, for the model in `model`."""
    words, through = counter(model), patches(model)
    shown = [name for row in found for name in rows.pictures(row)]
    if words is None or through is None or not shown:
        return None
    sizes = {name: size_of(data / name) for name in set(shown)}
    looked = [through(sizes[name]) for name in shown]
    return Seen(
        pictures=len(shown) / len(found),
        distinct=round(count * len(sizes) / len(found)),
        patches=sum(looked) / len(looked),
        most=max(looked),
        pixels=max(width * height for width, height in sizes.values()),
        words=sum(words(sizes[name]) for name in shown) / len(found),
    )


def _looked(model: Path, data: Path) -> Looked:
    """Tokens of the pictures of a row of the data set in the folder `data`, for the model in the folder `model`."""
    count = counter(model)
    if count is None:
        return _nothing
    return lambda row: sum(count(size_of(data / name)) for name in rows.pictures(row))


def _nothing(row: Row) -> int:
    """A model that sees nothing reads no tokens for a picture."""
    return 0


def of(found: Iterable[Row], count: int, vocabulary: Vocabulary | None, looked: Looked = _nothing) -> Lengths:
    """Lengths of `count` rows of which `found` is a sample; `looked`: tokens of the pictures of a row."""
    read = [(row_tokens(row, vocabulary), looked(row)) for row in found]
    pairs = [(tokens + seen, learned) for (tokens, learned), seen in read]
    whole = sum(tokens for tokens, _ in pairs)
    learned = sum(part for _, part in pairs)
    return Lengths(count, tuple(sorted(tokens for tokens, _ in pairs)), learned / max(whole, 1))
