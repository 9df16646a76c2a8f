"""What all jobs that work on the rows of a data set are called, and how they are queued."""

from typing import Any

from backend import names
from backend.data import datasets
from backend.data.datasets import Dataset
from backend.errors import AccessError
from backend.jobs.model import DATA, Job, NewJob
from backend.jobs.service import Jobs
from backend.paths import Workspace
from backend.people import Person

KIND = "data"
"""Of all jobs that work on data, beside trainings."""


def require_own(person: Person, workspace: Workspace, dataset: Dataset) -> None:
    """AccessError unless this person may use it."""
    if all(one.id != dataset.id for one in datasets.every_version(person, workspace)):
        raise AccessError("data.not_found")


def queued(person: Person, jobs: Jobs, dataset: Dataset, request: dict[str, Any]) -> Job:
    """A job on this version, under a name like its own."""
    called = names.free(names.from_file(dataset.name), [job.name for job in jobs.all(person)])
    return jobs.submit(person, NewJob(KIND, called, request, device=DATA))
