"""Rows of several data sets in one, as many of each as its weight says."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from backend.data.preparing.plan import Mix
from backend.data.rows import Row
from backend.errors import DataError

ORIGIN = "origin"
"""The column that names the data set that a row is from."""
Rows = Callable[[], Iterable[Row]]


@dataclass(frozen=True)
class Source:
    name: str
    weight: float
    rows: Rows


def mixed(sources: list[Source], wanted: Mix) -> Iterator[Row]:
    """Spread evenly: after any number of rows each data set has about the share that it has of all.

    DataError when there are fewer rows than one of them should give.
    """
    counts = [sum(1 for _ in source.rows()) for source in sources]
    taken = amounts(counts, [source.weight for source in sources], wanted.rows)
    for source, count, most in zip(sources, taken, counts, strict=True):
        if count > most:
            raise DataError("preparing.too_few_rows", name=source.name, wanted=count, has=most)
    streams = [
        _drawn(source, count, most, wanted.seed + at)
        for at, (source, count, most) in enumerate(zip(sources, taken, counts, strict=True))
    ]
    for at in _turns(taken):
        yield next(streams[at])


def amounts(counts: list[int], weights: list[float], total: int | None) -> list[int]:
    """Rows of each for these weights; without a total as many as the scarcest allows."""
    whole = sum(weights)
    shares = [weight / whole for weight in weights]
    if total is None:
        most = min(count / share for count, share in zip(counts, shares, strict=True))
        return [min(count, round(most * share)) for count, share in zip(counts, shares, strict=True)]
    edges = np.rint(np.cumsum(shares) * total).astype(int)
    return [int(size) for size in np.diff(edges, prepend=0)]


def _drawn(source: Source, count: int, most: int, seed: int) -> Iterator[Row]:
    """So many of its rows, each once, in their order."""
    chosen = np.zeros(most, dtype=bool)
    chosen[np.random.default_rng(seed).permutation(most)[:count]] = True
    for row, take in zip(source.rows(), chosen, strict=True):
        if take:
            yield {**row, ORIGIN: row.get(ORIGIN) or source.name}


def _turns(taken: list[int]) -> Iterator[int]:
    """Whose row comes next: of the one that is furthest behind its share."""
    given, total = [0] * len(taken), sum(taken)
    for done in range(1, total + 1):
        behind = [size * done / total - has for size, has in zip(taken, given, strict=True)]
        at = max(range(len(taken)), key=lambda one: (behind[one], -one))
        given[at] += 1
        yield at
