"""Rows that say what an earlier row says: word for word, or nearly."""

import re
from array import array
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import numpy as np

from backend.data.doctor.finding import EXAMPLES, Example, example
from backend.data.doctor.rules.rule import Rule
from backend.data.doctor.seen import Seen
from backend.data.reading import written

NUMBERS, BANDS, ALIKE, SEED = 64, 16, 0.85, 42
"""Numbers in a signature and bands of them. Two rows of which 85 % of the word triples are the same fall into one band
with a chance of 99.99 %, two with half of them in 64 % of cases; the signatures of these are compared then."""
FEWEST_WORDS, MOST_CHARACTERS, BATCH = 25, 4000, 512
WORD = re.compile(r"\w+")


class Duplicates(Rule):
    """Exactly the same stored row; the first stays."""

    code, fix = "duplicate", "drop_duplicates"

    def __init__(self) -> None:
        super().__init__()
        self._first: dict[int, str] = {}

    def look(self, seen: Seen) -> Example | None:
        first = self._first.setdefault(hash(written(seen.row)), seen.place)
        return None if first == seen.place else example(seen.place, seen.whole, like=first)


class NearDuplicates(Rule):
    """Long rows that differ in a few words, by MinHash over their word triples. Short ones may well differ in one word
    that matters ("two plus three", "two plus four") and are not compared.
    """

    code, fix = "near_duplicate", "drop_near_duplicates"
    severity = "notice"

    def __init__(self) -> None:
        super().__init__()
        self._exact = set[int]()
        self._of = array("Q")
        self._waiting: list[list[str]] = []
        self._signatures: list[Any] = []
        self._hash = import_module("rensa").RMinHash

    def look(self, seen: Seen) -> Example | None:
        if len(seen.whole) >= FEWEST_WORDS:
            words = WORD.findall(seen.whole[:MOST_CHARACTERS].casefold())
            same = hash(written(seen.row)) if len(words) >= FEWEST_WORDS else 0
            if same and same not in self._exact:
                self._exact.add(same)
                self._of.append(seen.number)
                self._waiting.append([f"{a} {b} {c}" for a, b, c in zip(words, words[1:], words[2:], strict=False)])
                if len(self._waiting) == BATCH:
                    self._sign()
        return None

    def _sign(self) -> None:
        if self._waiting:
            found = self._hash.digest_matrix_from_token_sets(self._waiting, NUMBERS, SEED)
            self._signatures.append(np.array(found.to_rows(), dtype=np.uint32))
            self._waiting = []

    def settle(self) -> None:
        """Compare what shares a band. `numbers` and `like` are then by rows."""
        self._sign()
        self._exact.clear()
        if not self._signatures:
            return
        every = np.concatenate(self._signatures)
        self._signatures = []
        first = _earlier(every)
        again = np.flatnonzero(first >= 0)
        self.numbers.extend(self._of[at] for at in again)
        pairs = [(str(self._of[at]), str(self._of[first[at]])) for at in again[:EXAMPLES]]
        self.examples = [Example(place=own, like=other) for own, other in pairs]


def _earlier(every: Any) -> Any:
    """For each signature the earliest that is alike, -1 where none is."""
    first = np.full(len(every), -1, dtype=np.int64)
    width = NUMBERS // BANDS
    for band in range(BANDS):
        part = np.ascontiguousarray(every[:, band * width : (band + 1) * width])
        keys = part.view([("", part.dtype)] * width).ravel()
        for own, other in _neighbours(keys):
            alike = (every[own] == every[other]).mean(axis=1) >= ALIKE
            own, other = own[alike], other[alike]
            better = (first[own] < 0) | (other < first[own])
            first[own[better]] = other[better]
    return first


def _neighbours(keys: Any) -> Iterator[tuple[Any, Any]]:
    """Rows with one key, beside the first of them and beside the one before; a part at a time."""
    order = np.argsort(keys, kind="stable")
    same = keys[order][1:] == keys[order][:-1]
    begins = np.flatnonzero(np.concatenate(([True], ~same)))
    heads = order[np.repeat(begins, np.diff(np.append(begins, len(order))))]
    at = np.flatnonzero(same) + 1
    for start in range(0, len(at), 100_000):
        part = at[start : start + 100_000]
        yield order[part], heads[part]
        yield order[part], order[part - 1]
