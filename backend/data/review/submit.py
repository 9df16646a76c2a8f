"""Queueing the version of the approved rows: everything that can be refused at once is refused here."""

from backend.data import reading
from backend.data.actions.queueing import queued
from backend.data.datasets import Dataset
from backend.data.review import reviewing, standing
from backend.data.review.request import NAME, Approved
from backend.errors import DataError
from backend.jobs.model import Job
from backend.jobs.service import Jobs
from backend.people import Person


def make(person: Person, jobs: Jobs, dataset: Dataset) -> Job:
    """Queue making the next version of the rows that were let through. AccessError for somebody else's data set,
    DataError before it is reviewed, or when too few rows were let through to train on.
    """
    review = reviewing.require(person, jobs.workspace, dataset)
    found = standing.outcome(review)
    through = found.approved + found.edited
    if not through:
        raise DataError("review.nothing")
    # Of texts few may suffice, if they are long: that is seen when they are written.
    fault = None if dataset.shape == "text" else reading.too_few(through, through, dataset.shape, 0)
    if fault:
        raise fault
    return queued(person, jobs, dataset, {NAME: Approved(dataset=dataset.id).model_dump(mode="json")})
