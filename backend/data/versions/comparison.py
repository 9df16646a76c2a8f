"""Two versions side by side: how many rows came, went, or became others. Rows are compared by their content.

`python -m backend.data.versions.comparison OLD NEW` writes the numbers as JSON: large files are not read by the page.
"""

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from backend.data.datasets import Dataset


class Comparison(NamedTuple):
    """Numbers of rows; a changed one is counted neither as added nor as removed."""

    added: int
    removed: int
    changed: int
    same: int


def compare(old: Dataset, new: Dataset) -> Comparison:
    """Rows of the same bytes are the same, wherever they stand, as often as both have them. Of the others, one that
    went and one that came behind the same row count as one that changed.
    """
    return of_files(old.path, new.path)


def of_files(old: Path, new: Path) -> Comparison:
    """The same of two files of stored rows."""
    before, after = _digests(old), _digests(new)
    shared = Counter(before) & Counter(after)
    went, came = _others(before, shared), _others(after, shared)
    changed = (went & came).total()
    return Comparison(came.total() - changed, went.total() - changed, changed, shared.total())


def _digests(path: Path) -> list[bytes]:
    with path.open("rb") as file:
        return [hashlib.blake2b(line.strip(), digest_size=16).digest() for line in file if line.strip()]


def _others(every: Iterable[bytes], shared: Counter[bytes]) -> Counter[bytes]:
    """How many rows that are not shared stand behind each shared one (or behind none, at the beginning)."""
    left, found, last = Counter(shared), Counter[bytes](), b""
    for digest in every:
        if left[digest] > 0:
            left[digest] -= 1
            last = digest
        else:
            found[last] += 1
    return found


def main(arguments: list[str]) -> int:
    old, new = map(Path, arguments)
    sys.stdout.write(json.dumps(of_files(old, new)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
