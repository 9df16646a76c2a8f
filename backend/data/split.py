"""Which rows are kept apart to measure on, always the same ones for the same rows, share and seed."""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

from backend.data.rows import Row, question

PART = "part"
"""The column of a row that says whether it is for train, dev or test."""


def split(rows: Iterable[Row], share: float, seed: int = 0) -> tuple[list[Row], list[Row]]:
    """(rows to train on, rows to evaluate on).

    Rows with the same first question fall on the same side, so that nothing that is measured was learned word for word.
    `share` is of the different questions; at least one of them is kept apart when `share` is above 0, and one is left.
    Where rows say their part (train, dev, test), these decide instead, and those of test are in neither.
    """
    every = list(rows)
    if any(PART in row for row in every):
        return [row for row in every if trained(row)], [row for row in every if share > 0 and row.get(PART) == "dev"]
    keys = [_key(row, seed) for row in every]
    different = sorted(set(keys))
    chosen = set(different[: _apart(len(different), share)])
    train = [row for row, key in zip(every, keys, strict=True) if key not in chosen]
    return train, [row for row, key in zip(every, keys, strict=True) if key in chosen]


def trained(row: Row) -> bool:
    """Whether a row may be learned from, by what it says of its part."""
    return str(row.get(PART, "train")) == "train"


class Sizes(NamedTuple):
    """Rows that are kept apart to measure on, and rows that a run leaves alone."""

    apart: int
    unused: int


def sizes(rows: Iterable[Row], share: float, seed: int = 0) -> Sizes:
    """Of what `split` would make, without holding all rows in memory."""
    # Eight bytes of a key decide its order as well as all of them.
    keys, parts = list[int](), Counter[str]()
    for row in rows:
        keys.append(int.from_bytes(_key(row, seed)[:8]))
        parts[row.get(PART, "")] += 1
    if set(parts) - {""}:
        learned, dev = parts[""] + parts["train"], parts["dev"] if share > 0 else 0
        return Sizes(dev, parts.total() - learned - dev)
    groups = [sum(1 for _ in same) for _, same in groupby(sorted(keys))]
    return Sizes(sum(groups[: _apart(len(groups), share)]), 0)


def _apart(different: int, share: float) -> int:
    """Questions that are kept apart, of so many different ones."""
    wanted = min(max(1, math.floor(share * different + 0.5)), different - 1) if share > 0 else 0
    return max(0, wanted)


def _key(row: Row, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\n{question(row)}".encode()).digest()
