"""A review of one version of a data set: begun once, judged by several people under their names, settled by its owner.

It is a folder of the workspace, of the data set, its owner and its content: workspace/reviews/DATASET/OWNER/SHA256 with
review.json, a file of acts for each reviewer (`verdict.Log`) and one for what was settled. Reviewers do not see each
other's verdicts while they judge.
"""

import json
import random
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock
from pydantic import BaseModel, ConfigDict

from backend import names
from backend.data.actions.queueing import require_own
from backend.data.corpora import index
from backend.data.datasets import Dataset
from backend.data.review.verdict import Log, Said, Verdict
from backend.data.rows import Row
from backend.errors import AccessError, DataError
from backend.paths import Workspace, write_atomically
from backend.people import Person

RECORD, LOCK, SETTLED = "review.json", "review.lock", "settled.jsonl"
MOST_REVIEWERS = 50
OWNER = ""
"""In place of a reviewer's name: what the owner settles stands over what the reviewers said."""


class Record(BaseModel):
    """`sample`: numbers of the rows that are judged, from 0, in order; None for all. `reviewers` as they came."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    sha256: str
    rows: int
    sample: tuple[int, ...] | None = None
    seed: int = 0
    reviewers: tuple[str, ...] = ()
    created_at: float = 0.0


@dataclass(frozen=True)
class Review:
    """One that was begun. Its verdicts are read from the disk each time."""

    folder: Path
    dataset: Dataset
    record: Record

    @property
    def rows(self) -> Sequence[int]:
        """Numbers of the rows that are judged, from 0, in their order."""
        return range(self.record.rows) if self.record.sample is None else self.record.sample

    @property
    def reviewers(self) -> tuple[str, ...]:
        return self.record.reviewers

    def named(self, name: str) -> str:
        """The name as it is written here; AccessError when nobody of that name takes part."""
        found = next((one for one in self.reviewers if names.same(one, name)), None)
        if found is None:
            raise AccessError("review.no_reviewer", name=name[: names.LONGEST])
        return found

    def of(self, reviewer: str) -> dict[int, Verdict]:
        """What this reviewer, or the `OWNER`, said of each row. AccessError as `named`."""
        return self._log(reviewer).verdicts()

    def all(self) -> dict[str, dict[int, Verdict]]:
        """By reviewer."""
        return {name: self.of(name) for name in self.reviewers}

    def judge(self, reviewer: str, row: int, said: Said, edited: Row | None = None, note: str = "") -> Verdict:
        """Keep what is said of this row; it stands in place of what the same reviewer said before.

        AccessError as `named`, DataError for a row that is not judged here, an edit without a row, or a long note.
        """
        if row not in self.rows:
            raise DataError("review.no_row", row=row + 1)
        if (said == "edit") != (edited is not None):
            raise DataError("data.no_choice")
        verdict = Verdict(row=row, said=said, edited=edited, note=note.strip())
        self._log(reviewer).add(verdict)
        return verdict

    def undo(self, reviewer: str) -> Verdict | None:
        """Take this reviewer's last act back; None when there is none left. AccessError as `named`."""
        return self._log(reviewer).undo()

    def _log(self, reviewer: str) -> Log:
        if reviewer == OWNER:
            return Log(self.folder / SETTLED)
        return Log(self.folder / f"{self.reviewers.index(self.named(reviewer))}.jsonl")


def of(person: Person, workspace: Workspace, dataset: Dataset) -> Review | None:
    """That of this version, None before it was begun. AccessError for somebody else's data set."""
    require_own(person, workspace, dataset)
    folder = _folder(person, workspace, dataset)
    if not (folder / RECORD).is_file():
        return None
    return Review(folder, dataset, Record(**json.loads((folder / RECORD).read_text(encoding="utf-8"))))


def begin(person: Person, workspace: Workspace, dataset: Dataset, sample: int | None = None, seed: int = 0) -> Review:
    """Begin the review of this version: of all rows, or of a `sample` of so many, drawn by the seed. One that has begun
    is what it is, however often this is asked.

    AccessError for somebody else's data set, DataError for a sample that cannot be drawn, or when the rows are gone or
    others than were added.
    """
    require_own(person, workspace, dataset)
    found = len(index.of(dataset, workspace))
    if sample is not None and not 1 <= sample <= found:
        raise DataError("review.sample", most=found)
    drawn = None if sample in (None, found) else tuple(sorted(random.Random(seed).sample(range(found), sample or 0)))
    folder = _folder(person, workspace, dataset)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / LOCK, is_singleton=False):
        if not (folder / RECORD).exists():
            values = {"sha256": dataset.sha256, "rows": found, "sample": drawn, "seed": seed}
            _keep(folder, Record(**values, created_at=time.time()))
    return require(person, workspace, dataset)


def join(person: Person, workspace: Workspace, dataset: Dataset, name: str) -> tuple[Review, str]:
    """(the review, the name as it is kept) with one more reviewer, or the same for one who is there already.

    DataError before the review was begun, without a name, or when there are too many; JobError for a name that is not
    allowed.
    """
    review = require(person, workspace, dataset)
    if not name.strip():
        raise DataError("review.no_name")
    cleaned = names.check(name)
    with FileLock(review.folder / LOCK, is_singleton=False):
        review = require(person, workspace, dataset)
        known = next((one for one in review.reviewers if names.same(one, cleaned)), None)
        if known is not None:
            return review, known
        if len(review.reviewers) >= MOST_REVIEWERS:
            raise DataError("review.too_many", most=MOST_REVIEWERS)
        _keep(review.folder, review.record.model_copy(update={"reviewers": (*review.reviewers, cleaned)}))
    return require(person, workspace, dataset), cleaned


def require(person: Person, workspace: Workspace, dataset: Dataset) -> Review:
    """As `of`; DataError before it was begun."""
    review = of(person, workspace, dataset)
    if review is None:
        raise DataError("review.none", name=dataset.name)
    return review


def forget(person: Person, workspace: Workspace, dataset: Dataset) -> None:
    """With all its verdicts. Versions that were made from it stay. AccessError for somebody else's data set."""
    require_own(person, workspace, dataset)
    folder = _folder(person, workspace, dataset)
    # First what makes it a review: killed behind this line, there is none.
    (folder / RECORD).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def row(review: Review, workspace: Workspace, number: int) -> Row:
    """The row as it was reviewed; DataError for one that is not judged here, or when the file has changed."""
    if number not in review.rows:
        raise DataError("review.no_row", row=number + 1)
    place = index.of(review.dataset, workspace).place(number)
    with review.dataset.path.open("rb") as file:
        return read(file, *place)


def read(file: BinaryIO, first: int, size: int) -> Row:
    """The row in `size` bytes from the one with the number `first`."""
    file.seek(first)
    found: Row = json.loads(file.read(size))
    return found


def _folder(person: Person, workspace: Workspace, dataset: Dataset) -> Path:
    return workspace.reviews / dataset.id / person.id / dataset.sha256


def _keep(folder: Path, record: Record) -> None:
    write_atomically(folder / RECORD, record.model_dump_json(indent=1))
