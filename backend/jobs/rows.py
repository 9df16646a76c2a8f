"""Jobs as rows: reading one, writing one, and the one way its state may change."""

from typing import Any

from sqlalchemy import Connection, Row, select, update

from backend.jobs.model import Job, JobState, require_move
from backend.ledger.schema import attempts, jobs

COLUMNS = [jobs.c[name] for name in Job.__dataclass_fields__]


def job_from(row: Row[Any]) -> Job:
    values = dict(row._mapping)
    return Job(**values | {"state": JobState(values["state"])})


def get(rows: Connection, job_id: str) -> Job | None:
    found = rows.execute(select(*COLUMNS).where(jobs.c.id == job_id)).one_or_none()
    return None if found is None else job_from(found)


def insert(rows: Connection, job: Job, *, name_key: str) -> None:
    values = {name: getattr(job, name) for name in Job.__dataclass_fields__}
    rows.execute(jobs.insert().values(values | {"state": job.state.value, "name_key": name_key}))


def enter(rows: Connection, job: Job, *, name_key: str) -> None:
    """Insert a new job; a supervisor that began just now may have entered it already, from its folder."""
    if get(rows, job.id) is None:
        insert(rows, job, name_key=name_key)
    elif job.ended:
        times = {"started_at": job.started_at, "ended_at": job.ended_at}
        change(rows, job.id, state=job.state.value, attempt=job.attempt, **times)


def move(rows: Connection, job: Job, state: JobState, **values: Any) -> None:
    """Change the state, and `values` with it; JobError when the states table does not allow it."""
    require_move(job.name, job.state, state)
    rows.execute(update(jobs).where(jobs.c.id == job.id).values(state=state.value, **values))


def change(rows: Connection, job_id: str, **values: Any) -> None:
    rows.execute(update(jobs).where(jobs.c.id == job_id).values(**values))


def change_attempt(rows: Connection, job: Job, **values: Any) -> None:
    """Write into the row of the job's newest attempt."""
    mine = (attempts.c.job_id == job.id) & (attempts.c.number == job.attempt)
    rows.execute(update(attempts).where(mine).values(**values))


def last_position(rows: Connection) -> float:
    newest = select(jobs.c.position).order_by(jobs.c.position.desc()).limit(1)
    return rows.execute(newest).scalar() or 0.0
