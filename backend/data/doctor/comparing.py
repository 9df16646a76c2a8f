"""MinHash signatures compared: those that share a band first, then number by number."""

from collections.abc import Iterator
from typing import Any

import numpy as np

BANDS, ALIKE = 16, 0.85
"""Of 64 numbers in a signature. Two rows of which 85 % of the word triples are the same fall into one band
with a chance of 99.99 %, two with half of them in 64 % of cases; the signatures of these are compared then."""
MIX = np.uint64(0x9E3779B97F4A7C15)


def signed(rows: list[list[int]]) -> Any:
    """Signatures, one in each line."""
    return np.array(rows, dtype=np.uint32)


def repeated(parts: list[Any]) -> list[tuple[int, int]]:
    """(signature, the earliest that is like it) by their places, in their order."""
    first = _earlier(np.concatenate(parts))
    return [(int(own), int(first[own])) for own in np.flatnonzero(first >= 0)]


def _earlier(every: Any) -> Any:
    """For each signature the earliest that is alike, -1 where none is."""
    first = np.full(len(every), -1, dtype=np.int64)
    width = every.shape[1] // BANDS
    for band in range(BANDS):
        for own, other in _neighbours(_keys(every[:, band * width : (band + 1) * width])):
            alike = (every[own] == every[other]).mean(axis=1) >= ALIKE
            own, other = own[alike], other[alike]
            better = (first[own] < 0) | (other < first[own])
            first[own[better]] = other[better]
    return first


def _keys(part: Any) -> Any:
    """One number for each row of a band. Two bands with one number by chance do no harm: signatures are compared."""
    keys = np.zeros(len(part), dtype=np.uint64)
    for column in part.T:
        keys = keys * MIX + column
    return keys


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
