"""One worker that has loaded the libraries already, waiting to be told its run folder."""

import contextlib
import logging
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from backend.jobs import process
from backend.jobs.supervisor.start import Child, spawn
from backend.paths import Workspace

FREE_BYTES = 2 * 2**30
FIRST_SECONDS = 45.0
AFTER_JOB_SECONDS = 5.0
RETRY_SECONDS = 30.0
KEPT_SECONDS = 1800.0
log = logging.getLogger(__name__)


@dataclass
class WarmWorker:
    """Times are seconds on the supervisor's awake clock. `wanted` is set when a page says that it is usable."""

    workspace: Workspace
    module: str = "backend.worker"
    enabled: bool = True
    wanted: bool = False
    child: Child | None = None
    _not_before: float = field(default=FIRST_SECONDS)
    _kept_until: float = field(default=KEPT_SECONDS)

    def tend(self, now: float, *, busy: bool) -> None:
        """Have one ready when nothing runs and memory allows; beside a job it would take the job's memory.

        Half an hour after the last run and the last page it is ended: it holds about a gigabyte.
        """
        if self.child is not None and self.child.popen.poll() is not None:
            log.warning("the warm worker ended by itself with %d", self.child.popen.returncode)
            self.child, self._not_before = None, now + RETRY_SECONDS
        if busy or self.wanted:
            self._kept_until = now + KEPT_SECONDS
        if busy:
            self._not_before = max(self._not_before, now + AFTER_JOB_SECONDS)
        elif now > self._kept_until:
            self.end()
        elif self.enabled and self.child is None and (self.wanted or now >= self._not_before):
            self._start(now)

    def become(self, folder: Path) -> Child | None:
        """The warm worker, told its run folder; None when there is none: then a job starts cold."""
        child, self.child = self.child, None
        if child is None or child.popen.poll() is not None or child.popen.stdin is None:
            return None
        try:
            child.popen.stdin.write(f"{folder}\n".encode())
            child.popen.stdin.close()
        except OSError:
            return None
        return child

    def end(self) -> None:
        """Nobody needs it any more: an empty standard input ends it."""
        child, self.child = self.child, None
        if child is None:
            return
        if child.popen.stdin is not None:
            with contextlib.suppress(OSError):
                child.popen.stdin.close()
        if child.identity is not None:
            process.end_group(child.identity, surely=True)
        child.popen.wait()

    def _start(self, now: float) -> None:
        self.wanted = False
        self._not_before = now + RETRY_SECONDS
        if psutil.virtual_memory().available < FREE_BYTES:
            return
        arguments = ["--warm", str(self.workspace.root)]
        self.child = spawn(self.module, arguments, self.workspace.logs / "warm.log", fed=True)
        log.info("a warm worker was started as process %d", self.child.popen.pid)
