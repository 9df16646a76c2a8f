"""Everything one supervisor owns, put together: the loop, the ticks, the engine, and the file that says how it is."""

import json
import logging
import os
import time
from types import FrameType
from typing import Any

import psutil

from backend.jobs.claims import Claims
from backend.jobs.folder import write_atomically
from backend.jobs.model import Job
from backend.jobs.service import Jobs
from backend.jobs.supervisor.admission import Admission
from backend.jobs.supervisor.engine import EngineKeeper
from backend.jobs.supervisor.loop import Loop
from backend.jobs.supervisor.sampling import sampler
from backend.jobs.supervisor.ticks import Ticks
from backend.jobs.supervisor.warm import WarmWorker
from backend.jobs.supervisor.watch import Watch
from backend.jobs.upkeep.disk import DiskWatch
from backend.jobs.upkeep.rebuild import is_needed, rebuild
from backend.jobs.upkeep.schedules import Schedules
from backend.ledger import care
from backend.ledger.store import Ledger
from backend.paths import Workspace
from backend.settings import Settings

STATUS_SECONDS = 10.0
JUMP_SECONDS = 30.0
PAGE_SECONDS = 60.0
log = logging.getLogger(__name__)


class House:
    """One supervisor. `worker` and `engine` are the modules it starts."""

    def __init__(self, ledger: Ledger, workspace: Workspace, settings: Settings, *, worker: str, engine: str) -> None:
        self.ledger = ledger
        self.workspace = workspace
        self.disk = DiskWatch(workspace, settings.disk_floor)
        self.warm = WarmWorker(workspace, worker)
        self.engine = EngineKeeper(ledger, workspace, engine)
        self.ticks = Ticks(ledger, workspace, Schedules(Jobs(ledger, workspace)), self.disk)
        self.admission = Admission(ledger, workspace, self.engine, spare=self.spare)
        claims = Claims(ledger, workspace, losses=settings.losses)
        self.loop = Loop(
            claims,
            workspace,
            Watch(claims, workspace, settings),
            self.warm,
            worker=worker,
            blocked=lambda: self.disk.blocked,
            admits=self.admission.admits,
            refusal=self.admission.refusal,
            also=self.look_around,
        )
        self._told: dict[str, Any] = {}
        self._told_at = float("-inf")
        self._clocks = (time.time(), time.monotonic())
        self._seen_wish = 0.0

    @classmethod
    def open(cls, workspace: Workspace, settings: Settings, *, worker: str, engine: str) -> "House":
        """Open the ledger, mended if need be, with every run that its folders tell of."""
        path = None if settings.database_url else workspace.ledger
        restored = path is not None and path.exists() and not care.is_sound(path)
        if restored and path is not None:
            care.restore(path)
        ledger = Ledger.of(workspace, settings)
        if path is not None and (restored or is_needed(ledger, workspace)):
            rebuild(ledger, workspace)
        return cls(ledger, workspace, settings, worker=worker, engine=engine)

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        self.loop.ended.set()

    def run(self, *, until_idle: bool, warm: bool) -> None:
        """Until a signal comes. Runs go on without us, and settle themselves; a later supervisor adopts them."""
        self.warm.enabled = warm
        self.disk.look()
        samples = sampler(self.workspace.hardware_samples)
        self.ticks.start()
        if samples is not None:
            samples.start()
        try:
            self.loop.run(until_idle=until_idle)
        finally:
            self.ticks.stop()
            if samples is not None:
                samples.stop()
            self.warm.end()
            self.engine.end()
            self.ledger.close()
            self.workspace.supervisor_status.unlink(missing_ok=True)

    def spare(self, job: Job) -> int:
        """Bytes of the warm worker, which becomes the next run: they are in its forecast too."""
        child = self.warm.child
        if job.device != "cpu" or child is None:
            return 0
        try:
            return int(psutil.Process(child.popen.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def look_around(self) -> None:
        """Each second, after the queue was looked after."""
        self._notice_clock()
        self.admission.tend()
        self.engine.tend(self.loop.awake)
        wish = self.engine.wish("worker")
        if wish > self._seen_wish and wish >= time.time() - PAGE_SECONDS:
            self.warm.wanted = True
        self._seen_wish = max(self._seen_wish, wish)
        self._tell()

    def _notice_clock(self) -> None:
        wall, steady = time.time(), time.monotonic()
        jump = (wall - self._clocks[0]) - (steady - self._clocks[1])
        self._clocks = (wall, steady)
        if abs(jump) > JUMP_SECONDS:
            log.info("the clock jumped by %.0f s", jump)
            self.ticks.clock_jumped()

    def _tell(self) -> None:
        """supervisor.json: at every change, and every ten seconds as a sign of life."""
        blocked = self.disk.blocked
        told = {
            "pid": os.getpid(),
            "blocked": None if blocked is None else {"key": blocked.key, "values": blocked.values},
            "made_room": None if self.admission.made_room is None else self.admission.made_room.name,
            "running": [run.claim.job.id for run in self.loop.running.values()],
            "warm": self.warm.child is not None,
            "engine": self.engine.child is not None or self.engine.adopted is not None,
        }
        if told != self._told or self.loop.awake - self._told_at >= STATUS_SECONDS:
            self._told, self._told_at = told, self.loop.awake
            write_atomically(self.workspace.supervisor_status, json.dumps(told | {"at": time.time()}))
