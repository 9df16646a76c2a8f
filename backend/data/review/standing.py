"""What becomes of each row, by what all have said of it.

A row that the owner has settled is what the owner said. Any other goes on when everybody who judged it let it through
in the same words: all approved it as it is, or all corrected it to the same row. It stays behind when all rejected it.
All else is a disagreement, and stays behind until it is settled.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from backend.data.review import columns
from backend.data.review.agreement import pairs
from backend.data.review.reviewing import OWNER, Review
from backend.data.review.verdict import Verdict
from backend.data.rows import Row

State = Literal["approved", "edited", "rejected", "disagreement"]
STATES: dict[str, State] = {"approve": "approved", "edit": "edited", "reject": "rejected"}
ON = ("approved", "edited")
Verdicts = Mapping[str, Mapping[int, Verdict]]


class Standing(NamedTuple):
    """`edited`: the row as it goes on, where it was corrected. `by`: who judged it; `at`: when that was last."""

    state: State
    by: tuple[str, ...]
    at: float
    edited: Row | None = None
    settled: bool = False

    def columns(self, number: int) -> dict[str, Any]:
        """Where the row comes from, as columns beside its own; its `number` counts from 0."""
        return {
            columns.ROW: number + 1,
            columns.VERDICT: self.state,
            columns.BY: list(self.by),
            columns.AT: datetime.fromtimestamp(self.at, UTC).isoformat(timespec="seconds"),
            columns.SETTLED: self.settled,
        }


class Progress(NamedTuple):
    """Numbers of rows, of one reviewer or of the whole review."""

    rows: int
    judged: int
    approved: int
    edited: int
    rejected: int
    disagreement: int = 0


def standings(review: Review) -> dict[int, Standing]:
    """By the number of the row, in order; rows that nobody has judged are not in it."""
    every, settled = review.all(), review.of(OWNER)
    judged = sorted({row for verdicts in every.values() for row in verdicts} | settled.keys())
    return {row: _standing(row, every, settled.get(row)) for row in judged}


def _standing(row: int, every: Verdicts, settled: Verdict | None) -> Standing:
    said = {name: verdicts[row] for name, verdicts in every.items() if row in verdicts}
    by, at = tuple(said), max(one.at for one in (*said.values(), *([settled] if settled else [])))
    if settled is not None:
        return Standing(STATES[settled.said], by, at, settled.edited, settled=True)
    first, *others = said.values()
    if any((one.said, one.edited) != (first.said, first.edited) for one in others):
        return Standing("disagreement", by, at)
    return Standing(STATES[first.said], by, at, first.edited)


def progress(review: Review, reviewer: str) -> Progress:
    """How far this reviewer is. AccessError when nobody of that name takes part."""
    said = Counter(STATES[one.said] for one in review.of(reviewer).values())
    return _counted(len(review.rows), said)


def outcome(review: Review) -> Progress:
    """What has become of the rows that anybody has judged."""
    return _counted(len(review.rows), Counter(one.state for one in standings(review).values()))


def _counted(rows: int, said: Counter[State]) -> Progress:
    states: tuple[State, ...] = ("approved", "edited", "rejected", "disagreement")
    return Progress(rows, said.total(), *(said[state] for state in states))


def told(review: Review) -> dict[str, Any]:
    """The whole of it in numbers, without anybody's name: what the step of a version keeps."""
    found = outcome(review)
    agreed = pairs(review.all())
    both, same = sum(one.both for one in agreed), sum(one.same for one in agreed)
    kappas = [round(one.kappa, 3) for one in agreed if one.kappa is not None]
    facts: dict[str, Any] = {"reviewers": len(review.reviewers), **found._asdict()}
    facts |= {"seed": review.record.seed, "of_rows": review.record.rows} if review.record.sample is not None else {}
    return facts | ({"judged_twice": both, "said_the_same": same, "kappa": kappas} if both else {})
