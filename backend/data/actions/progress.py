"""What jobs that read all rows of a data set have in common."""

import time
from dataclasses import dataclass

from backend.data import datasets
from backend.data.datasets import Dataset
from backend.jobs.context import JobContext
from backend.paths import Workspace
from backend.people import Person

SAY_SECONDS, LOOK_EVERY = 0.5, 200


class StoppedError(Exception):
    """The person has asked for it."""


@dataclass
class Watch:
    """Says twice a second how many rows there were, and stops when it is asked to."""

    job: JobContext
    _said: float = 0.0

    def __call__(self, count: int) -> None:
        if count % LOOK_EVERY == 0:
            self.look(rows=count)

    def look(self, **shown: int) -> None:
        """Now and then."""
        if time.monotonic() - self._said >= SAY_SECONDS:
            self._said = time.monotonic()
            if self.job.stop_requested() is not None:
                raise StoppedError
            self.job.show(**shown)


def owner(job: JobContext) -> Person:
    return Person(job.folder.read(job.folder.request)["job"]["owner"])


def already(job: JobContext) -> Dataset | None:
    """The version that an earlier attempt has finished before it was killed."""
    return made_by(owner(job), job.workspace, job.folder.path.name)


def made_by(person: Person, workspace: Workspace, job: str) -> Dataset | None:
    """The version that a job has made: its last step says so. None before it has, and after that was deleted."""
    every = datasets.every_version(person, workspace)
    return next((one for one in every if one.steps and one.steps[-1].settings.get("job") == job), None)
