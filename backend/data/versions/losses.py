"""What would lose its source if a version of a data set were deleted."""

from typing import Any, NamedTuple

from backend.data import datasets
from backend.data.datasets import Dataset
from backend.jobs.model import Job
from backend.jobs.service import Jobs
from backend.people import Person

EARLIER = ("series", "parent")
"""What a data set says about those it was made from: a run of a later version did not learn from them."""


class Losses(NamedTuple):
    """`runs` learned from it or wait to; `versions` were made from it, and stay whole without it."""

    runs: tuple[Job, ...]
    versions: tuple[Dataset, ...]


def of(person: Person, jobs: Jobs, dataset_id: str) -> Losses:
    """Those of this person."""
    runs = tuple(job for job in jobs.all(person) if _names(_request(jobs, job), dataset_id))
    every = datasets.every_version(person, jobs.workspace)
    return Losses(runs, tuple(one for one in every if one.parent == dataset_id))


def _request(jobs: Jobs, job: Job) -> dict[str, Any]:
    """What was asked for. Without what the job says of itself: an import has the id of what it made."""
    folder = jobs.folder(job)
    return {name: value for name, value in folder.read(folder.request).items() if name != "job"}


def _names(value: Any, wanted: str) -> bool:
    """Whether this id stands anywhere in a request: as its data, mixed in, or in a stage of a chain."""
    if isinstance(value, dict):
        return any(_names(part, wanted) for name, part in value.items() if name not in EARLIER)
    if isinstance(value, list):
        return any(_names(part, wanted) for part in value)
    return bool(value == wanted)
