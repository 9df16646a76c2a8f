"""The job that prepares: the whole next version, or none."""

from functools import partial

from backend.data import datasets
from backend.data.actions.progress import StoppedError, Watch, already, owner
from backend.data.datasets import Dataset, Step
from backend.data.preparing import making
from backend.data.preparing.plan import NAME
from backend.data.preparing.request import Prepare
from backend.data.versions.deriving import derive
from backend.jobs.context import JobContext
from backend.jobs.events import Phase
from backend.jobs.model import ExitCode


def run(job: JobContext) -> int:
    """AccessError when a data set is no longer there, DataError when its rows are gone, or none or all of them stay."""
    job.say(Phase(name="checking"))
    try:
        found = already(job) or _made(job)
    except StoppedError:
        return ExitCode.STOPPED
    job.folder.write(job.folder.result, {"data": found.id, "rows": found.rows, "version": found.version})
    return ExitCode.DONE


def _made(job: JobContext) -> Dataset:
    asked, person = Prepare(**job.request["prepare"]), owner(job)
    find = partial(datasets.find, person, job.workspace)
    parent = find(asked.dataset)
    shape = making.require(asked.plan, parent, find)
    steps = [one.model_dump(mode="json", exclude_defaults=True) for one in asked.plan.steps]
    step = Step(name=NAME, settings={"steps": steps, "job": job.folder.path.name})
    return derive(person, job.workspace, parent, step, making.made(asked.plan, parent, find, Watch(job)), shape)
