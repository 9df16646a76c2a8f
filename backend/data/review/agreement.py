"""How far two reviewers agree on the rows that both have judged.

Cohen's kappa: the share of rows on which they said the same, beyond what two people would by chance who use each
verdict as often as these two did. J. Cohen (1960), "A coefficient of agreement for nominal scales", Educational and
Psychological Measurement 20(1), 37-46.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Literal, NamedTuple

from backend.data.review.verdict import Verdict

Strength = Literal["none", "slight", "fair", "moderate", "substantial", "almost_perfect"]
# Upper ends of the bands: J. R. Landis, G. G. Koch (1977), "The measurement of observer agreement for categorical
# data", Biometrics 33(1), 159-174.
BANDS: tuple[tuple[float, Strength], ...] = (
    (0.0, "none"),
    (0.2, "slight"),
    (0.4, "fair"),
    (0.6, "moderate"),
    (0.8, "substantial"),
    (1.0, "almost_perfect"),
)


class Agreement(NamedTuple):
    """Of two reviewers: rows that `both` judged, rows of which they said the `same`. `kappa` is None where it has no
    value: no row was judged by both, or both said one and the same verdict throughout.
    """

    first: str
    second: str
    both: int
    same: int
    kappa: float | None


def pairs(verdicts: Mapping[str, Mapping[int, Verdict]]) -> list[Agreement]:
    """Every two reviewers, by the verdicts of each. Two corrections are the same verdict, whatever they say."""
    found = []
    for (first, mine), (second, theirs) in combinations(verdicts.items(), 2):
        shared = sorted(mine.keys() & theirs.keys())
        said = [mine[row].said for row in shared], [theirs[row].said for row in shared]
        same = sum(one == other for one, other in zip(*said, strict=True))
        found.append(Agreement(first, second, len(shared), same, kappa(*said)))
    return found


def kappa(first: Sequence[str], second: Sequence[str]) -> float | None:
    """(p_o - p_e) / (1 - p_e) with p_o the share of equal verdicts and p_e = sum over verdicts of n1 * n2 / n^2; None
    where p_e is 1 or there are no verdicts. ValueError for lists of different lengths.
    """
    count = len(first)
    same = sum(one == other for one, other in zip(first, second, strict=True))
    often, other = Counter(first), Counter(second)
    by_chance = sum(often[said] * other[said] for said in often)  # times count^2, so that all stays whole
    if by_chance == count * count:
        return None
    return (same * count - by_chance) / (count * count - by_chance)


def strength(value: float) -> Strength:
    """The word for a kappa."""
    return next((word for most, word in BANDS if value <= most), "almost_perfect")
