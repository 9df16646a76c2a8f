"""Rows that say what an earlier row says: word for word, or nearly."""

from array import array
from importlib import import_module
from typing import Any

from backend.data.doctor.finding import EXAMPLES, Example, example
from backend.data.doctor.rules.rule import Rule
from backend.data.doctor.seen import Seen
from backend.data.reading import written

NUMBERS, SEED = 64, 42
FEWEST_WORDS, MOST_CHARACTERS, BATCH = 25, 4000, 512


class Duplicates(Rule):
    """Exactly the same stored row; the first stays."""

    code, fix = "duplicate", "drop_duplicates"

    def __init__(self) -> None:
        super().__init__()
        self._first: dict[int, str] = {}
        self.bytes = 0

    @property
    def distinct(self) -> int:
        """Rows that differ."""
        return len(self._first)

    def look(self, seen: Seen) -> Example | None:
        raw = written(seen.row)
        self.bytes += len(raw)
        first = self._first.setdefault(hash(raw), seen.place)
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
        # It takes numpy, which the page's process has no use for.
        self._comparing = import_module("backend.data.doctor.comparing")

    def look(self, seen: Seen) -> Example | None:
        if len(seen.whole) >= FEWEST_WORDS:
            words = seen.whole[:MOST_CHARACTERS].casefold().split()
            same = hash(written(seen.row)) if len(words) >= FEWEST_WORDS else 0
            if same and same not in self._exact:
                self._exact.add(same)
                self._of.append(seen.number)
                self._waiting.append(list(map(" ".join, zip(words, words[1:], words[2:], strict=False))))
                if len(self._waiting) == BATCH:
                    self._sign()
        return None

    def _sign(self) -> None:
        if self._waiting:
            found = self._hash.digest_matrix_from_token_sets(self._waiting, NUMBERS, SEED)
            self._signatures.append(self._comparing.signed(found.to_rows()))
            self._waiting = []

    def settle(self) -> None:
        """Compare what shares a band. `numbers` and `like` are then by rows."""
        self._sign()
        self._exact.clear()
        if not self._signatures:
            return
        found: list[tuple[int, int]] = self._comparing.repeated(self._signatures)
        self._signatures = []
        self.numbers.extend(self._of[own] for own, _ in found)
        pairs = [(str(self._of[own]), str(self._of[first])) for own, first in found[:EXAMPLES]]
        self.examples = [Example(place=own, like=other) for own, other in pairs]
