"""The runs that ship with the studio: real trainings, kept as their folders were, owned by nobody.

Everybody may look at them, repeat them and chat with them; the ledger knows nothing of them, so nothing changes them.
"""

from functools import cache

from backend import names
from backend.jobs.folder import RunFolder
from backend.jobs.model import Job, JobState
from backend.paths import SHIPPED_RUNS


@cache
def every() -> tuple[Job, ...]:
    """Newest first."""
    found = [_job(RunFolder(path.parent)) for path in SHIPPED_RUNS.glob("*/request.json")]
    return tuple(sorted(found, key=lambda job: -job.created_at))


def find(name_or_id: str) -> Job | None:
    return next((job for job in every() if job.id == name_or_id or names.same(job.name, name_or_id)), None)


def by_id(job_id: str) -> Job | None:
    return next((job for job in every() if job.id == job_id), None)


def _job(folder: RunFolder) -> Job:
    facts, ended = folder.read(folder.request)["job"], folder.read(folder.status)
    seconds = folder.read(folder.result)["seconds"]
    return Job(
        id=folder.path.name,
        owner="",
        kind=facts["kind"],
        name=facts["name"],
        state=JobState.DONE,
        attempt=1,
        position=0.0,
        device=facts["device"],
        created_at=facts["created_at"],
        started_at=ended["at"] - seconds,
        ended_at=ended["at"],
        forecast_bytes=facts.get("forecast_bytes"),
    )
