"""What a job is, and which state may follow which."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from backend.errors import JobError
from backend.paths import RECORDED

# The devices of jobs that wait for no training: one that only fetches something, and one that reads a file.
HUB, DATA = "hub", "data"
# Kinds of jobs that are no runs: they are shown where that is what they fetch.
CHORES = frozenset({"download", "corpus", "data", "caption"})
# Why a queued job waits although its device is idle: memory that the chat holds, or that others hold.
WAITS = ("jobs.waits_chat", "jobs.waits_memory")


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
ENDED = frozenset({JobState.DONE, JobState.FAILED, JobState.STOPPED, JobState.INTERRUPTED})
RESUMABLE = frozenset({JobState.STOPPED, JobState.INTERRUPTED, JobState.FAILED})


def require_move(name: str, now: JobState, to: JobState) -> None:
    """JobError when the table does not let a job that is `now` become `to`."""
    if to not in NEXT[now]:
        raise JobError("jobs.wrong_state", name=name, now=now.value, to=to.value)


@dataclass(frozen=True)
class NewJob:
    """What somebody hands in. `start_at` (UTC epoch seconds): not before then.

    `device` is "cpu", "gpu:<index>", "gpu:<index>,<index>" for several cards at once, "hub" for what only fetches
    something or "data" for what only reads a file, and so waits for no training.

    `request` is what the runner of this `kind` reads; it must be JSON, and "job" is a key of ours in it.
    """

    kind: str
    name: str
    request: Mapping[str, Any]
    device: str = "cpu"
    start_at: float | None = None
    forecast_bytes: int | None = None


@dataclass(frozen=True)
class Job:
    """One row of the ledger. Times are UTC epoch seconds. `attempt` counts from 1; 0 means never started.

    `reason_key` and `reason_values` say, as in `StudioError`, why it ended or what is the matter with it.
    """

    id: str
    owner: str
    kind: str
    name: str
    state: JobState
    attempt: int
    position: float
    device: str
    created_at: float
    started_at: float | None = None
    ended_at: float | None = None
    start_at: float | None = None
    stop_asked_at: float | None = None
    reason_key: str | None = None
    reason_values: dict[str, Any] = field(default_factory=dict)
    forecast_bytes: int | None = None
    note: str = ""
    memory_failures: int = 0
    losses: int = 0
    pinned: bool = False

    @property
    def active(self) -> bool:
        return self.state in ACTIVE

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def resumable(self) -> bool:
        return self.state in RESUMABLE

    @property
    def recorded(self) -> bool:
        """It ships with the studio: everybody sees it, nobody changes it."""
        return self.id.startswith(RECORDED)

    @property
    def stopping(self) -> bool:
        """Asked to stop, and still busy with it."""
        return self.active and self.stop_asked_at is not None


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
