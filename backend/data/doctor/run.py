"""The job that looks at the rows of a data set, or makes the next version of it. Killed at any moment, there is the
whole report and the whole version, or none.
"""

import time
from dataclasses import dataclass

from backend.data import datasets
from backend.data.datasets import Dataset
from backend.data.doctor import fixing, report
from backend.data.doctor.check import check
from backend.data.doctor.request import Check, Fix
from backend.data.versions.deriving import derive
from backend.jobs.context import JobContext
from backend.jobs.events import Phase
from backend.jobs.model import ExitCode
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
        if count % LOOK_EVERY == 0 and time.monotonic() - self._said >= SAY_SECONDS:
            self._said = time.monotonic()
            if self.job.stop_requested() is not None:
                raise StoppedError
            self.job.show(rows=count)


def run(job: JobContext) -> int:
    """AccessError when the data set is no longer there, DataError when its rows are gone or nothing is to be mended."""
    job.say(Phase(name="checking"))
    try:
        found = _checked(job) if "check" in job.request else _fixed(job)
    except StoppedError:
        return ExitCode.STOPPED
    job.folder.write(job.folder.result, found)
    return ExitCode.DONE


def _checked(job: JobContext) -> dict[str, object]:
    asked = Check(**job.request["check"])
    dataset = datasets.find(_owner(job), job.workspace, asked.dataset)
    found = check(dataset, asked.reader, Watch(job))
    report.keep(job.workspace, dataset, found)
    return {"data": dataset.id, "rows": found.rows, "findings": len(found.findings)}


def _fixed(job: JobContext) -> dict[str, object]:
    asked, owner, name = Fix(**job.request["fix"]), _owner(job), job.folder.path.name
    step = fixing.step(asked.fixes, asked.reader, name)
    made = _already(owner, job, name)
    if made is None:
        parent = datasets.find(owner, job.workspace, asked.dataset)
        rows = fixing.mended(parent, asked.fixes, asked.reader, Watch(job))
        made = derive(owner, job.workspace, parent, step, rows)
    return {"data": made.id, "rows": made.rows, "version": made.version}


def _already(owner: Person, job: JobContext, name: str) -> Dataset | None:
    """What an earlier attempt has finished before it was killed."""
    every = datasets.every_version(owner, job.workspace)
    return next((one for one in every if one.steps and one.steps[-1].settings.get("job") == name), None)


def _owner(job: JobContext) -> Person:
    return Person(job.folder.read(job.folder.request)["job"]["owner"])
