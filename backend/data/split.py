"""Which rows are kept apart to measure on, always the same ones for the same rows, share and seed."""

import hashlib
import math
from collections.abc import Iterable
from itertools import groupby

from backend.data.rows import Row, question


def split(rows: Iterable[Row], share: float, seed: int = 0) -> tuple[list[Row], list[Row]]:
    """(rows to train on, rows to evaluate on).

    Rows with the same first question fall on the same side, so that nothing that is measured was learned word for word.
    `share` is of the different questions; at least one of them is kept apart when `share` is above 0, and one is left.
    """
    every = list(rows)
    keys = [_key(row, seed) for row in every]
    different = sorted(set(keys))
    chosen = set(different[: _apart(len(different), share)])
    train = [row for row, key in zip(every, keys, strict=True) if key not in chosen]
    return train, [row for row, key in zip(every, keys, strict=True) if key in chosen]


def kept_apart(rows: Iterable[Row], share: float, seed: int = 0) -> int:
    """How many rows `split` would keep apart, without holding all of them in memory."""
    # Eight bytes of a key decide its order as well as all of them.
    keys = sorted(int.from_bytes(_key(row, seed)[:8]) for row in rows)
    sizes = [sum(1 for _ in same) for _, same in groupby(keys)]
    return sum(sizes[: _apart(len(sizes), share)])


def _apart(different: int, share: float) -> int:
    """Questions that are kept apart, of so many different ones."""
    wanted = min(max(1, math.floor(share * different + 0.5)), different - 1) if share > 0 else 0
    return max(0, wanted)


def _key(row: Row, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\n{question(row)}".encode()).digest()
