"""From row to row of a review: the next one that is still to be judged, was rejected, or is disputed."""

from collections.abc import Callable, Iterable
from typing import Literal

from backend.data.review.reviewing import Review
from backend.data.review.standing import standings

Which = Literal["unseen", "all", "rejected", "disagreement"]


def seek(review: Review, reviewer: str, which: Which, at: int, way: int = 0) -> int | None:
    """The place, from 0, among the rows of the review. `way` 1 and -1: the next one behind and before `at`; 0: `at`
    itself, else the next one behind it, else the first of all. None when there is none.

    AccessError when nobody of that name takes part.
    """
    wanted = _wanted(review, reviewer, which)
    last = len(review.rows)
    at = max(-1, min(at, last))
    if way < 0:
        return _first(wanted, range(at - 1, -1, -1))
    behind = _first(wanted, range(max(at + (1 if way else 0), 0), last))
    return _first(wanted, range(min(max(at, 0), last))) if behind is None and not way else behind


def _first(wanted: Callable[[int], bool], places: Iterable[int]) -> int | None:
    return next((place for place in places if wanted(place)), None)


def _wanted(review: Review, reviewer: str, which: Which) -> Callable[[int], bool]:
    """Whether the row at a place is one of these."""
    rows = review.rows
    if which == "disagreement":
        disputed = {number for number, one in standings(review).items() if one.state == "disagreement"}
        return lambda place: rows[place] in disputed
    mine = review.of(reviewer)
    if which == "unseen":
        return lambda place: rows[place] not in mine
    if which == "rejected":
        return lambda place: rows[place] in mine and mine[rows[place]].said == "reject"
    return lambda place: True
