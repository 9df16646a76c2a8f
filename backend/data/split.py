"""Which rows are kept apart to measure on, always the same ones for the same rows, share and seed."""

import hashlib
import math
from collections.abc import Iterable

from backend.data.rows import Row, question


def split(rows: Iterable[Row], share: float, seed: int = 0) -> tuple[list[Row], list[Row]]:
    """(rows to train on, rows to evaluate on).

    Rows with the same first question fall on the same side, so that nothing that is measured was learned word for word.
    `share` is of the different questions; at least one of them is kept apart when `share` is above 0, and one is left.
    """
    every = list(rows)
    keys = [_key(row, seed) for row in every]
    different = sorted(set(keys))
    apart = min(max(1, math.floor(share * len(different) + 0.5)), len(different) - 1) if share > 0 else 0
    chosen = set(different[: max(0, apart)])
    train = [row for row, key in zip(every, keys, strict=True) if key not in chosen]
    return train, [row for row, key in zip(every, keys, strict=True) if key in chosen]


def _key(row: Row, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\n{question(row)}".encode()).digest()
