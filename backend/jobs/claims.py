"""Who works on a job: a claim is a token in one attempt's row, and only its holder may change the job.

queued ──claim──► starting ──begin──► running ──conclude──► done | failed | stopped | queued again | interrupted
   ▲                  └──────── release (nobody came) ─────────┘
Every step is one transaction. A claim that was revoked stays revoked: its holder finds another token and goes away.
"""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, insert, select

from backend import devices
from backend.jobs import rows
from backend.jobs.folder import RunFolder
from backend.jobs.model import ACTIVE, WAITS, ExitCode, Job, JobState
from backend.jobs.process import Identity
from backend.ledger.schema import attempts, jobs
from backend.ledger.store import Ledger
from backend.paths import Workspace

MEMORY_TRIES = 3


@dataclass(frozen=True)
class Claim:
    """The right to work on one attempt of a job."""

    job: Job
    token: str


@dataclass(frozen=True)
class Held:
    """A claim somebody holds now, and what is known of the holder."""

    job: Job
    token: str
    claimed_at: float
    process: Identity | None


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended. `code` is its exit status, None when nobody saw it."""

    code: int | None
    reason_key: str | None = None
    reason_values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def not_its_fault(self) -> bool:
        """Nobody saw it end, a signal ended it, or memory ran out: asked to stop, it counts as stopped."""
        return self.code is None or self.code < 0 or self.code == ExitCode.OUT_OF_MEMORY


class Claims:
    """`losses`: how often in a row a job may lose its process without having saved a checkpoint."""

    def __init__(self, ledger: Ledger, workspace: Workspace, *, losses: int = 3) -> None:
        self.ledger = ledger
        self.workspace = workspace
        self.losses = losses

    def take(self, free: Callable[[Job], bool]) -> Claim | None:
        """Claim the first job of the queue that is due, whose device is idle and that `free` lets start.

        One that waits for several cards keeps those that are idle already, or single ones would pass it for ever.
        """
        with self.ledger.write() as opened:
            active = opened.execute(select(jobs.c.device).where(jobs.c.state.in_(ACTIVE))).scalars()
            busy = frozenset[str]().union(*map(devices.parts, active))
            for job in self._due(opened):
                needed = devices.parts(job.device)
                if needed & busy:
                    busy |= needed
                elif free(job):
                    return self._claim(opened, job)
        return None

    def begin(self, job_id: str, token: str, process: Identity) -> Job | None:
        """The worker says that it is there; None when the claim was revoked meanwhile."""
        with self.ledger.write() as opened:
            job = self._holder(opened, job_id, token)
            if job is None or job.state != JobState.STARTING:
                return None
            now = time.time()
            rows.move(opened, job, JobState.RUNNING, started_at=job.started_at or now)
            known = {"pid": process.pid, "pid_start": process.start, "boot": process.boot}
            rows.change_attempt(opened, job, state=JobState.RUNNING.value, started_at=now, **known)
            return rows.get(opened, job_id)

    def release(self, job_id: str, token: str) -> bool:
        """Nobody came to do the work: back into the queue. False when the claim is no longer a starting one."""
        with self.ledger.write() as opened:
            job = self._holder(opened, job_id, token)
            if job is None or job.state != JobState.STARTING:
                return False
            if job.stop_asked_at is not None:
                self._end(opened, job, JobState.STOPPED, Outcome(None, "jobs.stopped"))
            else:
                rows.change_attempt(opened, job, state=JobState.INTERRUPTED.value, ended_at=time.time())
                rows.move(opened, job, JobState.QUEUED)
            return True

    def conclude(self, job_id: str, token: str, outcome: Outcome) -> Job | None:
        """Settle an attempt; None when it was settled before or revoked. Safe to call twice."""
        with self.ledger.write() as opened:
            job = self._holder(opened, job_id, token)
            if job is None:
                return None
            self._settle(opened, job, outcome)
            return rows.get(opened, job_id)

    def held(self) -> list[Held]:
        """Every claim now held, whoever holds it."""
        mine = (attempts.c.job_id == jobs.c.id) & (attempts.c.number == jobs.c.attempt)
        columns = [attempts.c.token, attempts.c.claimed_at, attempts.c.pid, attempts.c.pid_start, attempts.c.boot]
        wanted = select(*rows.COLUMNS, *(column.label(f"a_{column.name}") for column in columns)).where(mine)
        with self.ledger.read() as opened:
            return [_held(dict(row._mapping)) for row in opened.execute(wanted.where(jobs.c.state.in_(ACTIVE)))]

    def waiting(self, now: float) -> bool:
        """Whether any job is queued and due."""
        with self.ledger.read() as opened:
            return bool(self._due(opened, now))

    def say(self, job_id: str, reason_key: str | None, **values: Any) -> None:
        """Write on a running job what is the matter with it; None: nothing any more."""
        with self.ledger.write() as opened:
            job = rows.get(opened, job_id)
            if job is not None and job.state == JobState.RUNNING:
                rows.change(opened, job_id, reason_key=reason_key, reason_values=values)

    def _due(self, opened: Connection, now: float | None = None) -> list[Job]:
        moment = time.time() if now is None else now
        due = (jobs.c.state == JobState.QUEUED.value) & (jobs.c.start_at.is_(None) | (jobs.c.start_at <= moment))
        found = opened.execute(select(*rows.COLUMNS).where(due).order_by(jobs.c.position))
        return [rows.job_from(row) for row in found]

    def _claim(self, opened: Connection, job: Job) -> Claim:
        """Row and attempt.json together: the token is on the disk before anybody can be started with it."""
        token, now = secrets.token_hex(16), time.time()
        number = job.attempt + 1
        # Why it waited is over now.
        over: dict[str, Any] = {"reason_key": None, "reason_values": {}} if job.reason_key in WAITS else {}
        rows.move(opened, job, JobState.STARTING, attempt=number, stop_asked_at=None, **over)
        opened.execute(
            insert(attempts).values(
                job_id=job.id,
                number=number,
                owner=job.owner,
                token=token,
                state=JobState.STARTING.value,
                claimed_at=now,
                reason_values={},
            )
        )
        folder = RunFolder(self.workspace.run(job.id))
        if folder.path.is_dir():
            folder.stop.unlink(missing_ok=True)
            told = {"number": number, "token": token, "memory_failures": job.memory_failures, "device": job.device}
            folder.write(folder.attempt, {**told, "checkpoints": checkpoints(folder)}, mode=0o600)
        claimed = rows.get(opened, job.id)
        return Claim(claimed or job, token)

    def _holder(self, opened: Connection, job_id: str, token: str) -> Job | None:
        """The job, when `token` is the claim of its newest attempt and it is still active."""
        job = rows.get(opened, job_id)
        if job is None or not job.active:
            return None
        mine = (attempts.c.job_id == job_id) & (attempts.c.number == job.attempt)
        current = opened.execute(select(attempts.c.token).where(mine)).scalar()
        return job if current is not None and secrets.compare_digest(current, token) else None

    def _settle(self, opened: Connection, job: Job, outcome: Outcome) -> None:
        code = outcome.code
        if job.state == JobState.STARTING and code == ExitCode.DONE:
            self._after_loss(opened, job, outcome)  # a worker that ended well without having begun did nothing
        elif code == ExitCode.DONE:
            self._end(opened, job, JobState.DONE, outcome)
        elif code == ExitCode.STOPPED or (job.stop_asked_at is not None and outcome.not_its_fault):
            self._end(opened, job, JobState.STOPPED, Outcome(code, outcome.reason_key or "jobs.stopped"))
        elif code == ExitCode.OUT_OF_MEMORY:
            self._after_memory(opened, job, outcome)
        elif outcome.not_its_fault:
            self._after_loss(opened, job, outcome)
        else:
            named = outcome.reason_key is not None
            why = outcome if named else Outcome(code, *FAILURES.get(code or 1, ("jobs.crashed", {"code": code})))
            self._end(opened, job, JobState.FAILED, why)

    def _end(self, opened: Connection, job: Job, state: JobState, outcome: Outcome) -> None:
        now, reason = time.time(), {"reason_key": outcome.reason_key, "reason_values": dict(outcome.reason_values)}
        rows.change_attempt(opened, job, state=state.value, ended_at=now, exit_code=outcome.code, **reason)
        rows.move(opened, job, state, ended_at=now, **reason)

    def _again(self, opened: Connection, job: Job, outcome: Outcome, **counted: int) -> None:
        """This attempt is over; the job goes back to its old place in the queue."""
        reason = {"reason_key": outcome.reason_key, "reason_values": dict(outcome.reason_values)}
        self._end(opened, job, JobState.INTERRUPTED, outcome)
        rows.move(opened, rows.get(opened, job.id) or job, JobState.QUEUED, ended_at=None, **reason, **counted)

    def _after_memory(self, opened: Connection, job: Job, outcome: Outcome) -> None:
        """The trainer halves the batch by the count of failures, so the next attempt needs less."""
        failures = job.memory_failures + 1
        if failures <= MEMORY_TRIES:
            why = Outcome(outcome.code, "jobs.memory_retry", {"failures": failures, "most": MEMORY_TRIES})
            self._again(opened, job, why, memory_failures=failures)
        else:
            self._end(opened, job, JobState.FAILED, Outcome(outcome.code, "jobs.memory", {"failures": failures}))

    def _after_loss(self, opened: Connection, job: Job, outcome: Outcome) -> None:
        """Process or machine lost. Not the program's fault, so it is counted apart, and a new checkpoint clears it."""
        losses = (0 if self._won(job) else job.losses) + 1
        why = Outcome(outcome.code, outcome.reason_key or "jobs.lost", dict(outcome.reason_values))
        if losses <= self.losses:
            self._again(opened, job, why, losses=losses)
        else:
            rows.change(opened, job.id, losses=losses)
            self._end(opened, job, JobState.INTERRUPTED, Outcome(outcome.code, "jobs.lost_often", {"losses": losses}))

    def _won(self, job: Job) -> bool:
        folder = RunFolder(self.workspace.run(job.id))
        return bool(set(checkpoints(folder)) - set(folder.read(folder.attempt).get("checkpoints", [])))


FAILURES: dict[int, tuple[str, dict[str, Any]]] = {
    ExitCode.DIVERGED: ("jobs.diverged", {}),
    ExitCode.DISK_FULL: ("jobs.disk_full", {}),
    ExitCode.CANNOT_RUN: ("jobs.cannot_run", {}),
}


def checkpoints(folder: RunFolder) -> list[str]:
    if not folder.checkpoints.exists():
        return []
    return sorted(path.name for path in folder.checkpoints.iterdir() if not path.name.startswith("."))


def _held(row: dict[str, Any]) -> Held:
    extra = {name: row.pop(f"a_{name}") for name in ("token", "claimed_at", "pid", "pid_start", "boot")}
    process = Identity(extra["pid"], extra["pid_start"], extra["boot"]) if extra["pid"] else None
    return Held(Job(**row | {"state": JobState(row["state"])}), extra["token"], extra["claimed_at"], process)
