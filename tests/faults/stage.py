"""A workspace with a ledger and jobs, and a supervisor's loop over it: real processes, tuned to be quick."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from backend.jobs.claims import Claims
from backend.jobs.model import Job, JobState, NewJob
from backend.jobs.process import Identity
from backend.jobs.service import Jobs
from backend.jobs.supervisor.loop import Loop
from backend.jobs.supervisor.warm import WarmWorker
from backend.jobs.supervisor.watch import Watch
from backend.ledger.store import Ledger
from backend.paths import Workspace
from backend.people import HOME
from backend.settings import Settings

WORKER = "tests.faults.fake_worker"
# Long enough for a process of ours on a busy machine; a test that waits for the end of one of them sets it itself.
TUNED = Settings(grace=30.0, starting=3.0)


@dataclass
class Stage:
    workspace: Workspace
    ledger: Ledger
    jobs: Jobs

    @classmethod
    def at(cls, folder: Path) -> "Stage":
        workspace = Workspace(folder).create()
        ledger = Ledger(workspace.ledger)
        return cls(workspace, ledger, Jobs(ledger, workspace))

    def submit(self, name: str, *, device: str = "cpu", start_at: float | None = None, **request: Any) -> Job:
        return self.jobs.submit(HOME, NewJob("count", name, {"steps": 10, **request}, device=device, start_at=start_at))

    def job(self, job: Job) -> Job:
        return self.jobs.get(HOME, job.id)

    @property
    def claims(self) -> Claims:
        return Claims(self.ledger, self.workspace)

    def loop(self, *, worker: str = WORKER, **settings: Any) -> Loop:
        chosen = replace(TUNED, **settings)
        claims = Claims(self.ledger, self.workspace, losses=chosen.losses)
        warm = WarmWorker(self.workspace, worker, enabled=False)
        return Loop(claims, self.workspace, Watch(claims, self.workspace, chosen), warm, worker=worker)

    def begun(self, job: Job, process: Identity) -> str:
        """Claim this job, the first of the queue, and begin it as `process`; the token of the claim."""
        claim = self.claims.take(lambda first: first.id == job.id)
        assert claim is not None
        assert self.claims.begin(job.id, claim.token, process) is not None
        return claim.token


def until(true: Callable[[], Any], *, seconds: float = 120.0, each: Callable[[], Any] = lambda: None) -> None:
    """Wait for a condition, doing `each` meanwhile; AssertionError when the time is over."""
    over = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < over, "it did not come to that in time"
        each()
        time.sleep(0.02)


def ends(stage: Stage, loop: Loop, job: Job) -> Job:
    """Let the supervisor work until the job has ended and its process is gone."""
    until(lambda: stage.job(job).ended and not loop.running, each=loop.beat)
    return stage.job(job)


def runs(stage: Stage, loop: Loop, job: Job, *, step: int = 1) -> Identity:
    """Let the supervisor work until the job has made this many steps."""
    status = stage.jobs.folder(job).status

    def there() -> bool:
        return stage.job(job).state == JobState.RUNNING and (
            step == 0 or (status.exists() and _step(stage, job) >= step)
        )

    until(there, each=loop.beat)
    found = next(claim.process for claim in stage.claims.held() if claim.job.id == job.id)
    assert found is not None
    return found


def _step(stage: Stage, job: Job) -> int:
    return max((getattr(event, "step", 0) for event in stage.jobs.folder(job).said()), default=0)


def result(stage: Stage, job: Job) -> object:
    return stage.jobs.folder(job).read(stage.jobs.folder(job).result)["answer"]
