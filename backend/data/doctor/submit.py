"""Queueing a check or a fix: everything that can be refused at once is refused here, before there is a job."""

from collections.abc import Sequence

from backend.data.actions.progress import made_by
from backend.data.actions.queueing import queued, require_own
from backend.data.datasets import Dataset
from backend.data.doctor import fixing
from backend.data.doctor.request import Check, Fix
from backend.data.doctor.seen import Reader
from backend.jobs.model import Job
from backend.jobs.service import Jobs
from backend.people import Person


def check(person: Person, jobs: Jobs, dataset: Dataset, reader: Reader | None = None) -> Job:
    """Queue looking at all rows of this version; what is found is kept, for `report.findings`. AccessError for somebody
    else's.
    """
    require_own(person, jobs.workspace, dataset)
    return queued(person, jobs, dataset, {"check": Check(dataset=dataset.id, reader=reader).model_dump(mode="json")})


def fix(person: Person, jobs: Jobs, dataset: Dataset, fixes: Sequence[str], reader: Reader | None = None) -> Job:
    """Queue making the next version with these fixes (`Finding.fix`). AccessError for somebody else's data set,
    DataError for a fix that there is not.
    """
    require_own(person, jobs.workspace, dataset)
    fixing.require(fixes, reader)
    asked = Fix(dataset=dataset.id, fixes=tuple(dict.fromkeys(fixes)), reader=reader)
    return queued(person, jobs, dataset, {"fix": asked.model_dump(mode="json")})


def made(person: Person, jobs: Jobs, job: Job) -> Dataset | None:
    """The version that this fix has made; None before it has, and after that was deleted."""
    return made_by(person, jobs.workspace, job.id)
