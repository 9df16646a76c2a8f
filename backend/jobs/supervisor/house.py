"""Everything one supervisor owns, put together: the loop, the ticks, and the files that say how it is."""

import logging
from types import FrameType

from backend.jobs.claims import Claims
from backend.jobs.service import Jobs
from backend.jobs.supervisor.loop import Loop
from backend.jobs.supervisor.warm import WarmWorker
from backend.jobs.supervisor.watch import Watch
from backend.ledger.store import Ledger
from backend.paths import Workspace
from backend.settings import Settings

log = logging.getLogger(__name__)


class House:
    def __init__(self, ledger: Ledger, workspace: Workspace, settings: Settings, *, worker: str, engine: str) -> None:
        self.ledger = ledger
        self.workspace = workspace
        self.jobs = Jobs(ledger, workspace)
        claims = Claims(ledger, workspace, losses=settings.losses)
        self.warm = WarmWorker(workspace, worker)
        self.loop = Loop(claims, workspace, Watch(claims, workspace, settings), self.warm, worker=worker)

    @classmethod
    def open(cls, workspace: Workspace, settings: Settings, *, worker: str, engine: str) -> "House":
        ledger = Ledger(settings.database_url or workspace.ledger)
        return cls(ledger, workspace, settings, worker=worker, engine=engine)

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        self.loop.ended.set()

    def run(self, *, until_idle: bool, warm: bool) -> None:
        self.warm.enabled = warm
        try:
            self.loop.run(until_idle=until_idle)
        finally:
            self.warm.end()
            self.ledger.close()
