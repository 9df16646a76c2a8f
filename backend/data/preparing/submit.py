"""Queueing a preparation: everything that can be refused at once is refused here, before there is a job."""

from functools import partial

from backend.data import datasets
from backend.data.actions.queueing import queued, require_own
from backend.data.datasets import Dataset
from backend.data.preparing.making import require
from backend.data.preparing.plan import Plan
from backend.data.preparing.request import Prepare
from backend.jobs.model import Job
from backend.jobs.service import Jobs
from backend.people import Person


def prepare(person: Person, jobs: Jobs, dataset: Dataset, plan: Plan) -> Job:
    """Queue making the next version of a data set. AccessError for one that is not the person's own, or where the plan
    names one that is not here, DataError for a step that cannot be done to rows of this shape.
    """
    require_own(person, jobs.workspace, dataset)
    require(plan, dataset, partial(datasets.find, person, jobs.workspace))
    asked = Prepare(dataset=dataset.id, plan=plan).model_dump(mode="json")
    return queued(person, jobs, dataset, {"prepare": asked})
