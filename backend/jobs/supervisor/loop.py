"""The loop of the supervisor: reap what ended, look after what runs, start what is due."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from backend import devices
from backend.errors import StudioError
from backend.jobs import process
from backend.jobs.claims import Claim, Claims, Outcome
from backend.jobs.folder import RunFolder
from backend.jobs.model import DATA, HUB, ExitCode, Job
from backend.jobs.supervisor.start import Child, spawn
from backend.jobs.supervisor.warm import WarmWorker
from backend.jobs.supervisor.watch import Watch, last_words, lives
from backend.paths import Workspace

GLANCE = 0.1
LOOK = 1.0
NAP = 5.0
LINGER = 20.0
MOST_PATIENCE = 10
log = logging.getLogger(__name__)


@dataclass
class Running:
    """A claim and the process started for it. `kills`: the kernel's count of memory kills when it began; `settled`:
    since when, on the awake clock, the ledger has the end of a run whose process is still there."""

    claim: Claim
    child: Child
    kills: int
    settled: float | None = None


@dataclass
class Loop:
    """`blocked()` is None, or why nothing may start; `admits(job)`: whether its memory is free; `refusal(job)`:
    why it can never start; `also()` ends a round."""

    claims: Claims
    workspace: Workspace
    watch: Watch
    warm: WarmWorker
    worker: str = "backend.worker"
    blocked: Callable[[], object | None] = lambda: None
    admits: Callable[[Job], bool] = lambda job: True
    refusal: Callable[[Job], StudioError | None] = lambda job: None
    also: Callable[[], None] = lambda: None
    running: dict[str, Running] = field(default_factory=dict)
    ended: threading.Event = field(default_factory=threading.Event)
    awake: float = 0.0
    _last: float = field(default_factory=time.monotonic)
    _looked: float = float("-inf")
    _kick: int = 0
    _failed: int = 0
    _idle: int = 0

    def run(self, *, until_idle: bool = False) -> None:
        """Go on until `ended` is set or, when asked, until nothing is left to do. Jobs still running go on alone."""
        while not self.ended.is_set() and not (until_idle and self._idle >= 2):
            self.beat()
            self.ended.wait(GLANCE)

    def beat(self) -> bool:
        """One round; True when it was a whole one. An error of the ledger ends the round, not the supervisor."""
        now = time.monotonic()
        self.awake += min(now - self._last, NAP)
        self._last = now
        try:
            ended, kicked = self.reap(), self._kicked()
            if not (ended or kicked or self.awake - self._looked >= LOOK):
                return False
            self._looked = self.awake
            children = {token: run.child.identity for token, run in self.running.items()}
            self.watch.look(self.awake, {token: who for token, who in children.items() if who is not None})
            self._hurry()
            self.start_due()
            self.warm.tend(self.awake, busy=bool(self.running or self.watch.seen))
            self.also()
            self._idle = self._idle + 1 if self._nothing_to_do() else 0
        except Exception:  # the top of the supervisor: a bad round must not take the queue down
            self._failed = min(self._failed + 1, MOST_PATIENCE)
            self._looked = self.awake + self._failed
            log.exception("this round of the supervisor failed; the next one comes in %d s", self._failed + LOOK)
            self._idle = 0
        else:
            self._failed = 0
        return True

    def reap(self) -> bool:
        """Settle the jobs whose process has ended and has not settled them itself."""
        over = {token: run for token, run in self.running.items() if run.child.popen.poll() is not None}
        for token, run in over.items():
            self._settle(token, run)
            del self.running[token]
        return bool(over)

    def start_due(self) -> None:
        if self.blocked() is not None:
            return
        while (claim := self.claims.take(self._may_start)) is not None:
            self._start(claim)

    def _hurry(self) -> None:
        """End the processes of runs that are over and do not leave: libraries may hang on their way out."""
        for token, run in self.running.items():
            if token in self.watch.seen:
                continue
            run.settled = self.awake if run.settled is None else run.settled
            if self.awake - run.settled >= LINGER and run.child.identity is not None:
                process.end_group(run.child.identity, surely=True)

    def _settle(self, token: str, run: Running) -> None:
        code, job = run.child.popen.returncode, run.claim.job
        if run.child.identity is not None:
            process.end_group(run.child.identity, surely=True)
        if code in {ExitCode.LOCK_HELD, ExitCode.CLAIM_REVOKED}:
            self.claims.release(job.id, token)
            return
        if code < 0 and process.memory_kills() > run.kills:
            code = ExitCode.OUT_OF_MEMORY
        said = last_words(RunFolder(self.workspace.run(job.id)), job.attempt)
        settled = self.claims.conclude(job.id, token, said or Outcome(code))
        if settled is not None:
            log.warning("run %s ended with %d; it is now %s", job.id, code, settled.state)

    def _may_start(self, job: Job) -> bool:
        """Not while a process of an earlier attempt, or of another run on this device, is still on its way out."""
        if not all(devices.apart(run.claim.job.device, job.device) for run in self.running.values()):
            return False
        return not lives(RunFolder(self.workspace.run(job.id))) and self.admits(job)

    def _start(self, claim: Claim) -> None:
        folder = RunFolder(self.workspace.run(claim.job.id))
        if not folder.request.exists():
            self.claims.conclude(claim.job.id, claim.token, Outcome(1, "jobs.no_folder", {"path": str(folder.path)}))
            return
        if (never := self.refusal(claim.job)) is not None:
            self.claims.conclude(claim.job.id, claim.token, Outcome(ExitCode.CANNOT_RUN, never.key, never.values))
            return
        kills = process.memory_kills()
        try:
            # What only fetches needs none of the libraries that a warm worker has loaded for a training.
            ready = None if claim.job.device in (HUB, DATA) else self.warm.become(folder.path)
            child = ready or spawn(self.worker, [str(folder.path)], folder.log)
        except OSError as error:
            log.error("run %s could not be started: %s", claim.job.id, error)  # noqa: TRY400 - one line says it all
            self.claims.conclude(claim.job.id, claim.token, Outcome(1, "jobs.no_process", {"error": str(error)}))
            return
        self.running[claim.token] = Running(claim, child, kills)
        log.info("run %s attempt %d started as process %d", claim.job.id, claim.job.attempt, child.popen.pid)

    def _kicked(self) -> bool:
        try:
            touched = self.workspace.kick.stat().st_mtime_ns
        except FileNotFoundError:
            return False
        changed, self._kick = touched != self._kick, touched
        return changed

    def _nothing_to_do(self) -> bool:
        return not self.running and not self.claims.held() and not self.claims.waiting(time.time())
