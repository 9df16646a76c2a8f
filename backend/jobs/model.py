"""What a job is, and which state may follow which."""

from enum import StrEnum

from backend.errors import JobError


class JobState(StrEnum):
    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"


NEXT: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.STARTING, JobState.STOPPED}),
    JobState.STARTING: frozenset(
        {JobState.RUNNING, JobState.QUEUED, JobState.FAILED, JobState.STOPPED, JobState.INTERRUPTED}
    ),
    JobState.RUNNING: frozenset(
        {JobState.DONE, JobState.FAILED, JobState.STOPPED, JobState.INTERRUPTED, JobState.QUEUED}
    ),
    JobState.STOPPED: frozenset({JobState.QUEUED}),
    JobState.INTERRUPTED: frozenset({JobState.QUEUED}),
    JobState.FAILED: frozenset({JobState.QUEUED}),
    JobState.DONE: frozenset(),
}
ACTIVE = frozenset({JobState.STARTING, JobState.RUNNING})
RESUMABLE = frozenset({JobState.STOPPED, JobState.INTERRUPTED, JobState.FAILED})


def require_move(name: str, now: JobState, to: JobState) -> None:
    """JobError when the table does not let a job that is `now` become `to`."""
    if to not in NEXT[now]:
        raise JobError("jobs.wrong_state", name=name, now=now.value, to=to.value)


class ExitCode:
    """What the worker's exit status means; anything else is a crash."""

    DONE = 0
    LOCK_HELD = 75
    CLAIM_REVOKED = 76
    STOPPED = 77
    CANNOT_RUN = 78
    OUT_OF_MEMORY = 79
    DIVERGED = 80
    DISK_FULL = 81
