"""Rows judged by people: a review begun, joined, gone through, settled, and made into a version."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from backend.data.datasets import Dataset
from backend.data.review import editing, reviewing, submit, walking
from backend.data.review.reviewing import OWNER, Review
from backend.data.review.verdict import Said, Verdict
from backend.data.review.walking import Which
from backend.data.rows import Row
from backend.errors import DataError
from backend.jobs.model import Job
from backend.jobs.service import Jobs
from backend.paths import Workspace
from backend.people import Person
from studio.services.data.doctor import Doctor


@dataclass(frozen=True)
class Turn:
    """Who judges, and which rows are gone through. `settle`: as the owner, over what the reviewers said."""

    who: str
    which: Which
    settle: bool

    @classmethod
    def of(cls, who: str, which: str) -> "Turn":
        """DataError without a name."""
        kind: Which = next((one for one in get_args(Which) if one == which), "unseen")
        if kind == "disagreement":
            return cls(OWNER, kind, settle=True)
        if not who.strip():
            raise DataError("review.no_name")
        return cls(who, kind, settle=False)


@dataclass(frozen=True)
class Reviews:
    workspace: Workspace
    jobs: Jobs
    person: Person

    def dataset(self, dataset_id: str) -> Dataset:
        """AccessError when there is none with this id."""
        return self._doctor.dataset(dataset_id)

    def of(self, dataset_id: str) -> Review | None:
        return reviewing.of(self.person, self.workspace, self.dataset(dataset_id))

    def require(self, dataset_id: str) -> Review:
        """DataError before it was begun."""
        return reviewing.require(self.person, self.workspace, self.dataset(dataset_id))

    def begin(self, dataset_id: str, sample: str) -> Review:
        """`sample` as it was typed: "" for all rows. DataError for no such number."""
        dataset, typed = self.dataset(dataset_id), sample.strip()
        if typed and not (typed.isdecimal() and len(typed) < 10):
            raise DataError("review.sample", most=dataset.rows)
        return reviewing.begin(self.person, self.workspace, dataset, int(typed) if typed else None)

    def join(self, dataset_id: str, name: str) -> str:
        """The name as it is kept. Errors as `reviewing.join`."""
        return reviewing.join(self.person, self.workspace, self.dataset(dataset_id), name)[1]

    def seek(self, review: Review, turn: Turn, at: int, way: int) -> int | None:
        return walking.seek(review, turn.who, turn.which, at, way)

    def row(self, review: Review, place: int) -> Row:
        """DataError for a place that there is not."""
        return reviewing.row(review, self.workspace, _number(review, place))

    def judge(self, review: Review, turn: Turn, place: int, said: str, note: str, values: Mapping[str, str]) -> Verdict:
        """`values`: of the fields, with "edit" only, on the row as it was; without a change it is an approval.

        DataError for a verdict that there is not, or as `editing.edited`.
        """
        kind: Said | None = next((one for one in get_args(Said) if one == said), None)
        if kind is None:
            raise DataError("data.no_choice")
        number = _number(review, place)
        if kind != "edit":
            return review.judge(turn.who, number, kind, note=note)
        before = self.row(review, place)
        edited = editing.edited(before, values)
        if edited == before:
            return review.judge(turn.who, number, "approve", note=note)
        return review.judge(turn.who, number, "edit", edited, note)

    def take(self, review: Review, place: int, name: str) -> Verdict:
        """Settle a row with the correction of this reviewer. AccessError without such a reviewer, DataError when there
        is no correction.
        """
        number = _number(review, place)
        found = review.of(review.named(name)).get(number)
        if found is None or found.edited is None:
            raise DataError("data.no_choice")
        return review.judge(OWNER, number, "edit", found.edited)

    def undo(self, review: Review, turn: Turn) -> int | None:
        """The place of the row whose verdict was taken back; None when there was none left."""
        taken = review.undo(turn.who)
        return None if taken is None else review.rows.index(taken.row)

    def forget(self, dataset_id: str) -> None:
        reviewing.forget(self.person, self.workspace, self.dataset(dataset_id))

    def make(self, dataset_id: str) -> Job:
        """The version of the approved rows. DataError while the data set is being worked on, or as `submit.make`."""
        return submit.make(self.person, self.jobs, self._doctor.free(dataset_id))

    @property
    def _doctor(self) -> Doctor:
        return Doctor(self.workspace, self.jobs, self.person)


def _number(review: Review, place: int) -> int:
    if not 0 <= place < len(review.rows):
        raise DataError("review.no_row", row=place + 1)
    return review.rows[place]
