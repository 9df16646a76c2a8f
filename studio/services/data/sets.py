"""The data sets that are here: what is known of each, their rows and versions, a new name, an end."""

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from backend.data import datasets, languages
from backend.data.datasets import RECORD, Dataset
from backend.data.pictures import keeping
from backend.data.review import reviewing
from backend.data.shapes import Row
from backend.data.versions import losses
from backend.data.versions.comparison import Comparison
from backend.errors import AccessError
from backend.jobs.model import Job
from backend.jobs.service import Jobs
from backend.jobs.supervisor.start import environment
from backend.paths import ROOT, Workspace
from backend.people import Person

PICTURE = re.compile(r"pictures/[0-9a-f]{64}\.(?:jpg|png)")
COMPARE_SECONDS = 120


@dataclass(frozen=True)
class Listed:
    """The newest version of a data set: the language of its first rows, how many versions there are, and the runs that
    learned from any of them.
    """

    dataset: Dataset
    language: str
    versions: int
    runs: tuple[Job, ...]


@dataclass(frozen=True)
class Lost:
    """What ends with a data set: the runs that lose their source, how many versions and verdicts of reviewers go."""

    dataset: Dataset
    runs: tuple[Job, ...]
    versions: int
    verdicts: int = 0


@dataclass(frozen=True)
class MyData:
    workspace: Workspace
    jobs: Jobs
    person: Person

    def sets(self) -> list[Listed]:
        """The shipped ones first, then the person's own, oldest first; the newest version of each."""
        used = losses.used(self.person, self.jobs)
        every = datasets.every_version(self.person, self.workspace)
        return [self._listed(one, every, used) for one in datasets.available(self.person, self.workspace)]

    def one(self, dataset_id: str) -> Listed:
        """Any version; AccessError when there is none with this id."""
        found = self.find(dataset_id)
        every = datasets.every_version(self.person, self.workspace)
        return self._listed(found, every, losses.used(self.person, self.jobs))

    def find(self, dataset_id: str) -> Dataset:
        """AccessError when there is none with this id."""
        every = datasets.every_version(self.person, self.workspace)
        found = next((one for one in every if one.id == dataset_id), None)
        if found is None:
            raise AccessError("data.not_found")
        return found

    def versions(self, dataset_id: str) -> list[Dataset]:
        """All of its line, the newest first."""
        line = self.find(dataset_id).line
        every = datasets.every_version(self.person, self.workspace)
        return sorted((one for one in every if one.line == line), key=lambda one: -one.version)

    def version(self) -> str:
        """Another one whenever a data set has come, gone or been renamed: asked once a second, so nothing is read."""
        records = sorted(self.workspace.datasets.glob(f"*/{RECORD}"))
        return f"{len(records)} {max((record.stat().st_mtime_ns for record in records), default=0)}"

    def rows(self, dataset_id: str, first: int, count: int) -> list[Row]:
        """So many rows from the one with number `first`, from 0; AccessError when the file is gone."""
        path = self.find(dataset_id).path
        if not path.is_file():
            raise AccessError("data.not_found")
        with path.open("rb") as file:
            lines = islice((line for line in file if line.strip()), first, first + count)
            return [json.loads(line) for line in lines]

    def picture(self, dataset_id: str, name: str, *, small: bool) -> Path:
        """A stored picture of this data set; AccessError when there is none of this name."""
        folder = self.find(dataset_id).path.parent
        if not PICTURE.fullmatch(name):
            raise AccessError("data.not_found")
        thumbnail = keeping.small(folder, name)
        found = thumbnail if small and thumbnail.is_file() else folder / name
        if not found.is_file():
            raise AccessError("data.not_found")
        return found

    def compared(self, dataset_id: str) -> Comparison | None:
        """With the version it was made from; None where that is not here. Read by a process of its own."""
        mine = self.find(dataset_id)
        every = datasets.every_version(self.person, self.workspace)
        parent = next((one for one in every if one.id == mine.parent), None)
        if parent is None or not (parent.path.is_file() and mine.path.is_file()):
            return None
        return _compared(parent.path, mine.path)

    def findings(self, dataset_id: str) -> list[dict[str, Any]]:
        """What its import has said of it; [] for one that was not imported here."""
        folder = self.jobs.workspace.run(self.find(dataset_id).id) / "result.json"
        if not folder.is_file():
            return []
        said: list[dict[str, Any]] = json.loads(folder.read_text(encoding="utf-8")).get("findings", [])
        return said

    def rename(self, dataset_id: str, name: str) -> Dataset:
        return datasets.rename(self.person, self.workspace, dataset_id, name)

    def lost(self, dataset_id: str, *, only: bool = False) -> Lost:
        """With all its versions, or `only` this one."""
        found, used = self.find(dataset_id), losses.used(self.person, self.jobs)
        going = [found] if only else self.versions(dataset_id)
        reviews = [review for one in going if (review := reviewing.of(self.person, self.workspace, one))]
        verdicts = sum(len(said) for review in reviews for said in review.all().values())
        return Lost(found, _runs(going, used), len(going), verdicts)

    def delete(self, dataset_id: str, *, only: bool = False) -> Lost:
        """AccessError for one that ships with the studio."""
        lost = self.lost(dataset_id, only=only)
        for one in [lost.dataset] if only else self.versions(dataset_id):
            datasets.delete(self.person, self.workspace, one.id)
        return lost

    def _listed(self, found: Dataset, every: Iterable[Dataset], used: dict[str, list[Job]]) -> Listed:
        line = [one for one in every if one.line == found.line]
        return Listed(found, _language(found.path, found.sha256), len(line), _runs(line, used))


def _runs(sets: Iterable[Dataset], used: dict[str, list[Job]]) -> tuple[Job, ...]:
    return tuple({job.id: job for one in sets for job in used.get(one.id, ())}.values())


@lru_cache(maxsize=512)
def _language(path: Path, _content: str) -> str:
    """Read once for each content: rows do not change."""
    return languages.of_rows(path) if path.is_file() else ""


@lru_cache(maxsize=64)
def _compared(old: Path, new: Path) -> Comparison:
    """Once for each pair: versions do not change."""
    done = subprocess.run(
        [sys.executable, "-m", "backend.data.versions.comparison", str(old), str(new)],
        capture_output=True, text=True, encoding="utf-8", cwd=ROOT, env=environment(), timeout=COMPARE_SECONDS,
        check=True,
    )  # fmt: skip
    return Comparison(*json.loads(done.stdout))
