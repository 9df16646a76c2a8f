"""Keeps the chat engine: started when somebody wants to chat, told to make room for a job, ended when idle."""

import http.client
import json
import logging
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import func, select

from backend.jobs import process
from backend.jobs.model import ExitCode
from backend.jobs.process import Identity
from backend.jobs.supervisor.start import Child, spawn
from backend.ledger.schema import wishes
from backend.ledger.store import Ledger
from backend.paths import Workspace

KEPT_SECONDS = 1800.0
BACKOFF = (0.0, 1.0, 4.0, 15.0, 60.0)
CALM_SECONDS = 120.0
ANSWER_SECONDS = 10.0
END_SECONDS = 5.0
log = logging.getLogger(__name__)


@dataclass
class EngineKeeper:
    """Call `tend` every second. Times are seconds on the supervisor's awake clock, wishes are on the wall clock."""

    ledger: Ledger
    workspace: Workspace
    module: str
    child: Child | None = None
    adopted: Identity | None = None
    _failures: int = 0
    _not_before: float = 0.0
    _started: float = field(default=float("-inf"))

    def tend(self, now: float) -> None:
        wanted = self.wish("engine") >= time.time() - KEPT_SECONDS
        self._notice_end(now)
        if wanted and self.child is None and self.adopted is None and now >= self._not_before:
            self._start(now)
        elif not wanted and (self.child is not None or self.adopted is not None):
            log.info("nobody has wanted to chat for half an hour")
            self.end()

    def wish(self, what: str) -> float:
        """When anybody last wished for this, in epoch seconds; 0 for never."""
        with self.ledger.read() as opened:
            newest = select(func.max(wishes.c.wished_at)).where(wishes.c.what == what)
            return opened.execute(newest).scalar() or 0.0

    def holds(self) -> int:
        """Bytes that the engine has taken with its models; 0 when none is loaded, or it does not answer."""
        found = self._ask("GET", "health")
        return int(found.get("memory_bytes", 0)) if found and found.get("models") else 0

    def end(self) -> None:
        """End the engine and whatever it started."""
        leader = self.adopted if self.child is None else self.child.identity
        if leader is not None:
            process.end_group(leader, surely=False)
            deadline = time.monotonic() + END_SECONDS
            while time.monotonic() < deadline and leader.same:
                self._reap()
                time.sleep(0.05)
            process.end_group(leader, surely=True)
        if self.child is not None:
            self.child.popen.wait()
        self.child = self.adopted = None

    def _reap(self) -> None:
        if self.child is not None:
            self.child.popen.poll()

    def _start(self, now: float) -> None:
        """One that lives already (its supervisor was killed) is kept: somebody may be reading its answer."""
        self.adopted = self._alive()
        if self.adopted is None:
            self.child = spawn(
                self.module, ["--workspace", str(self.workspace.root)], self.workspace.logs / "engine.log"
            )
            self._started = now
            log.info("the engine was started as process %d", self.child.popen.pid)

    def _notice_end(self, now: float) -> None:
        if self.adopted is not None and not self.adopted.same:
            self.adopted = None
        if self.child is None or self.child.popen.poll() is None:
            return
        code, self.child = self.child.popen.returncode, None
        if code != ExitCode.DONE:
            self._failures = 1 if now - self._started > CALM_SECONDS else self._failures + 1
            pause = BACKOFF[min(self._failures, len(BACKOFF) - 1)]
            self._not_before = now + pause
            log.warning("the engine ended with %d; a new one may start in %.0f s", code, pause)

    def _alive(self) -> Identity | None:
        """The engine of an earlier supervisor, when it still holds its lock."""
        try:
            with FileLock(self.workspace.root / "engine.lock", is_singleton=False).acquire(blocking=False):
                return None
        except Timeout:
            pid = self._address().get("pid")
            return Identity.of(int(pid)) if pid else None

    def _address(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self.workspace.engine_address.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return found

    def unload(self, *, force: bool) -> bool:
        """Ask it to let its models go, with `force` in the middle of an answer too; True when it has, or is no more."""
        return self._ask("POST", f"unload{'?force=1' if force else ''}") is not None or not self._alive()

    def _ask(self, method: str, path: str) -> dict[str, Any] | None:
        """Its answer; None when it refuses, does not answer, or is not there."""
        address = self._address()
        if not address:
            return None
        headers = {"Authorization": f"Bearer {address['token']}"}
        request = urllib.request.Request(f"{address['url']}/{path}", method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:
                found: dict[str, Any] = json.loads(answer.read() or b"{}")
                return found
        except urllib.error.HTTPError as error:
            log.info("the engine said %d to %s", error.code, path)
            return None
        except (OSError, ValueError, http.client.HTTPException):
            return None
