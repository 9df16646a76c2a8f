"""What would lose its source if a version of a data set were deleted."""

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from backend.data import datasets
from backend.data.datasets import Dataset
from backend.jobs.model import CHORES, Job
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
    runs = tuple(job for job in _runs(person, jobs) if _names(_request(jobs, job), dataset_id))
    every = datasets.every_version(person, jobs.workspace)
    return Losses(runs, tuple(one for one in every if one.parent == dataset_id))


def used(person: Person, jobs: Jobs) -> dict[str, list[Job]]:
    """By the id of a version, the runs of this person that learned from it or wait to."""
    found: dict[str, list[Job]] = {}
    known = {one.id for one in datasets.every_version(person, jobs.workspace)}
    for job in _runs(person, jobs):
        for dataset_id in _asked(jobs.folder(job).request) & known:
            found.setdefault(dataset_id, []).append(job)
    return found


def _runs(person: Person, jobs: Jobs) -> list[Job]:
    """Without what only looks at a data set, or makes one."""
    return [job for job in jobs.all(person) if job.kind not in CHORES]


@lru_cache(maxsize=4096)
def _asked(request: Path) -> frozenset[str]:
    """Every text of a request. Read once: it does not change."""
    values = json.loads(request.read_text(encoding="utf-8")) if request.is_file() else {}
    return frozenset(_texts({name: value for name, value in values.items() if name != "job"}))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, part in value.items():
            if name not in EARLIER:
                yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
    elif isinstance(value, str):
        yield value


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
