"""What chance alone can make: intervals of the change between two measurements of the same rows or questions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb

import numpy as np

CONFIDENCE = 0.95
RESAMPLES = 2000
HALVINGS = 60


@dataclass(frozen=True)
class Interval:
    """A change and the bounds that hold it with 95 % confidence."""

    change: float
    low: float
    high: float

    @property
    def shown(self) -> bool:
        """Whether no change at all lies outside."""
        return self.low > 0 or self.high < 0


def mean_change(before: Sequence[float], after: Sequence[float]) -> Interval:
    """Of the mean of paired measurements, by resampling the pairs (percentile bootstrap; Efron and Tibshirani 1993).

    ValueError when they are not paired, or none.
    """
    if len(before) != len(after) or not before:
        raise ValueError("not the same rows")
    changes = np.asarray(after, dtype=float) - np.asarray(before, dtype=float)
    draws = np.random.default_rng(0).integers(0, len(changes), size=(RESAMPLES, len(changes)))
    outside = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(changes[draws].mean(axis=1), [outside, 100 - outside])
    return Interval(float(changes.mean()), float(low), float(high))


def share_change(gained: int, lost: int, count: int) -> Interval:
    """Of the share of `count` questions answered right, `gained` of them only after and `lost` only before.

    Exact for the share of gains among the answers that changed (Clopper and Pearson 1934), and how many changed is
    taken as it was seen: so no change lies outside just when McNemar's exact test (1947) says so at 5 %. Where no
    answer changed, the bounds say how many could have and were not among these questions (for 30: 12 in 100).
    """
    changed = gained + lost
    if not changed:
        bound = 1 - ((1 - CONFIDENCE) / 2) ** (1 / count)
        return Interval(0.0, -bound, bound)
    low, high = share(gained, changed)
    scale = changed / count
    return Interval((gained - lost) / count, scale * (2 * low - 1), scale * (2 * high - 1))


def share(right: int, count: int) -> tuple[float, float]:
    """Exact bounds of a share of which `right` of `count` were seen (Clopper and Pearson 1934)."""
    tail = (1 - CONFIDENCE) / 2
    low = 0.0 if right == 0 else _where(lambda p: 1 - _at_most(right - 1, count, p) >= tail)
    high = 1.0 if right == count else _where(lambda p: _at_most(right, count, p) < tail)
    return low, high


def _at_most(right: int, count: int, p: float) -> float:
    return sum(comb(count, k) * p**k * (1 - p) ** (count - k) for k in range(right + 1))


def _where(holds: Callable[[float], bool]) -> float:
    """The p above which `holds(p)`, between 0 and 1."""
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return (low + high) / 2
