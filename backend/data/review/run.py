"""The job that makes the version of the approved rows: the whole of it, or none."""

from collections.abc import Iterator

from backend.data import datasets
from backend.data.actions.progress import StoppedError, Watch, already, owner
from backend.data.corpora import index
from backend.data.datasets import Dataset, Step
from backend.data.review import reviewing, standing
from backend.data.review.request import NAME, Approved
from backend.data.review.reviewing import Review
from backend.data.rows import Row
from backend.data.versions.deriving import derive
from backend.jobs.context import JobContext
from backend.jobs.events import Phase
from backend.jobs.model import ExitCode


def run(job: JobContext) -> int:
    """AccessError when the data set is no longer there, DataError without a review, when its rows are gone, or when
    those that were let through are none or too few.
    """
    job.say(Phase(name="checking"))
    try:
        found = already(job) or _made(job)
    except StoppedError:
        return ExitCode.STOPPED
    job.folder.write(job.folder.result, {"data": found.id, "rows": found.rows, "version": found.version})
    return ExitCode.DONE


def _made(job: JobContext) -> Dataset:
    asked, person = Approved(**job.request[NAME]), owner(job)
    parent = datasets.find(person, job.workspace, asked.dataset)
    review = reviewing.require(person, job.workspace, parent)
    step = Step(name=NAME, settings=standing.told(review) | {"job": job.folder.path.name})
    return derive(person, job.workspace, parent, step, _through(job, review))


def _through(job: JobContext, review: Review) -> Iterator[Row]:
    """The rows that go on, in their order, each with the columns that say where it comes from."""
    watch, places = Watch(job), index.of(review.dataset, job.workspace)
    with review.dataset.path.open("rb") as file:
        for count, (number, found) in enumerate(standing.standings(review).items()):
            watch(count)
            if found.state in standing.ON:
                row = found.edited or reviewing.read(file, *places.place(number))
                yield row | found.columns(number)
