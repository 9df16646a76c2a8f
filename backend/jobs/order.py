"""The order of the queue: each job has a position, a number with room in between."""

from dataclasses import replace

from sqlalchemy import Connection, select

from backend.jobs import rows
from backend.jobs.model import Job, JobState
from backend.ledger.schema import jobs

CLOSEST = 1e-6


def at_the_end(opened: Connection, job: Job) -> Job:
    return replace(job, position=rows.last_position(opened) + 1)


def place(opened: Connection, job: Job, before: Job | None) -> None:
    """Write a position just before another job, or after all."""
    if before is None:
        rows.change(opened, job.id, position=rows.last_position(opened) + 1)
        return
    if before.id == job.id:
        return
    previous = _previous(opened, before, but=job.id)
    if before.position - previous < CLOSEST:
        _spread(opened)
        before = rows.get(opened, before.id) or before
        previous = _previous(opened, before, but=job.id)
    rows.change(opened, job.id, position=(previous + before.position) / 2)


def _previous(opened: Connection, job: Job, *, but: str) -> float:
    earlier = (jobs.c.position < job.position) & (jobs.c.id != but)
    found = opened.execute(select(jobs.c.position).where(earlier).order_by(jobs.c.position.desc()).limit(1)).scalar()
    return job.position - 2 if found is None else found


def _spread(opened: Connection) -> None:
    """Give every queued job a whole number again, in the same order, after all that have run."""
    queued = select(jobs.c.id).where(jobs.c.state == JobState.QUEUED.value).order_by(jobs.c.position)
    start = rows.last_position(opened) + 1
    for number, job_id in enumerate(list(opened.execute(queued).scalars())):
        rows.change(opened, job_id, position=start + number)
