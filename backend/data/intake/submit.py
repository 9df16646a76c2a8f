"""Queueing an import: everything that can be refused at once is refused here, before there is a job."""

from collections.abc import Mapping as Mapped
from collections.abc import Sequence
from pathlib import Path

from backend import names
from backend.data import datasets
from backend.data.actions.queueing import KIND
from backend.data.datasets import Dataset
from backend.data.intake.request import Import, Source
from backend.data.mapping.mapping import Mapping
from backend.data.opening.opened import Choices
from backend.errors import AccessError
from backend.jobs.folder import RunFolder
from backend.jobs.model import DATA, Job, NewJob
from backend.jobs.service import Jobs
from backend.people import Person


def start(  # noqa: PLR0913 - one keyword for each thing a person chooses
    person: Person,
    jobs: Jobs,
    sources: Sequence[tuple[str, Path]],
    *,
    name: str = "",
    choices: Choices | None = None,
    mapping: Mapping | None = None,
    skip_bad: bool = False,
    origin: Mapped[str, str] | None = None,
) -> Job:
    """Queue importing these files (name, path) as one data set. AccessError when one is not there, JobError for a name
    that is not allowed or taken.
    """
    if not sources or not all(path.exists() for _, path in sources):
        raise AccessError("data.not_found")
    taken = [known.name for known in datasets.available(person, jobs.workspace)]
    from_file = names.from_file(Path(sources[0][0]).stem)
    wanted = names.unused(name, taken, "data") if name else names.free(from_file, taken, "data")
    asked = Import(
        sources=tuple(Source(name=called, path=path.resolve()) for called, path in sources),
        name=wanted,
        choices=choices or Choices(),
        mapping=mapping,
        skip_bad=skip_bad,
        origin=dict(origin or {}),
    )
    called = names.free(wanted, [job.name for job in jobs.all(person)])
    return jobs.submit(person, NewJob(KIND, called, {"import": asked.model_dump(mode="json")}, device=DATA))


def is_import(folder: RunFolder) -> bool:
    """Other jobs on data look at a data set or make a version of it."""
    return "import" in folder.read(folder.request)


def asked_for(folder: RunFolder) -> Import:
    return Import(**folder.read(folder.request)["import"])


def made(person: Person, jobs: Jobs, job: Job) -> Dataset | None:
    """The data set that this import has become; None before it has, and after that was deleted."""
    found = (one for one in datasets.every_version(person, jobs.workspace) if one.id == job.id)
    return next(found, None)
