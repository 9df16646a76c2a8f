"""Tokens by the longest match in a tokenizer's vocabulary from left to right.

That comes within a few percent of byte pair encoding; the words around each message are those of ChatML, which most
templates resemble.
"""

import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from backend.data import rows
from backend.data.rows import Row
from backend.data.rows import answers as answered
from backend.data.tasks.asking import as_chat, as_visual

WORD = re.compile(r" ?\w+| ?[^\s\w]+|\s+(?!\S)|\s+")
MOST_WORDS = 200_000
ROLE_MARKS = 4  # begin, newline after the role, end, newline
ASKED_IN = "ro"  # labels, scores and exams are counted as they would be asked
CHARACTERS_PER_TOKEN = 3.0  # of a tokenizer that cannot be read here


class Words(dict[str, int]):
    """What was counted of words, looked up without a call; forgotten when there are too many."""

    def __init__(self, count: Callable[[str], int]) -> None:
        super().__init__()
        self._count = count

    def __missing__(self, word: str) -> int:
        if len(self) >= MOST_WORDS:
            self.clear()
        found = self[word] = self._count(word)
        return found


class Vocabulary:
    """The pieces of a tokenizer.json."""

    def __init__(self, tokenizer: dict[str, Any]) -> None:
        vocabulary = tokenizer["model"]["vocab"]
        pieces = vocabulary if isinstance(vocabulary, dict) else [piece for piece, _ in vocabulary]
        self._pieces = frozenset(pieces)
        self._longest = min(64, max(map(len, self._pieces)))
        self._bytes = _byte_letters() if "ByteLevel" in json.dumps(tokenizer.get("pre_tokenizer")) else None
        self.count = lru_cache(maxsize=100_000)(self._count)
        self._words = Words(lambda word: self._parts(f" {word}"))

    def tokens(self, text: str) -> int:
        """A word takes the one space before it: where there are only single spaces each word is counted by itself."""
        words = text.split()
        if not words or " ".join(words) != text:
            return self._parts(text)
        return self._parts(words[0]) + sum(map(self._words.__getitem__, words[1:]))

    def _parts(self, text: str) -> int:
        return sum(map(self.count, WORD.findall(text)))

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


@lru_cache(maxsize=4)
def vocabulary_of(tokenizer: Path, _changed: int) -> Vocabulary:
    """Of a tokenizer.json that was last changed then."""
    return Vocabulary(json.loads(tokenizer.read_text(encoding="utf-8")))


def row_tokens(row: Row, vocabulary: Vocabulary | None) -> tuple[int, int]:
    """(tokens, of these learned)"""
    shape = rows.shape(row)
    if shape == "text":
        size = _tokens(row["text"], vocabulary) + 1
        return size, size - 1
    if shape == "preference":
        return _pair(row, vocabulary)
    row = as_visual(as_chat(row, ASKED_IN), ASKED_IN)
    whole = learned = 0
    for role, size in _messages(row, vocabulary):
        whole += size + ROLE_MARKS + _tokens(role, vocabulary)
        learned += size + 1 if role == "assistant" else 0
    return whole, learned


def _pair(row: Row, vocabulary: Vocabulary | None) -> tuple[int, int]:
    """Of the conversation with either answer, both as long as the longer one: they stand side by side."""
    asked, _ = row_tokens({"messages": row["prompt"]}, vocabulary)
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
