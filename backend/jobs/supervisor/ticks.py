"""What is done by the clock: APScheduler with a store in memory, because our rows and files are the only memory.

The queue itself is not moved by these ticks but by the loop, whose clock never jumps.
"""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import text

from backend.jobs.upkeep import retention
from backend.jobs.upkeep.disk import DiskWatch
from backend.jobs.upkeep.schedules import Schedules
from backend.ledger import care
from backend.ledger.store import Ledger
from backend.paths import Workspace

BACKUP_SECONDS = 20 * 3600
QUIET_START = timedelta(minutes=5)
log = logging.getLogger(__name__)


class Ticks:
    def __init__(self, ledger: Ledger, workspace: Workspace, schedules: Schedules, disk: DiskWatch) -> None:
        self.ledger = ledger
        self.workspace = workspace
        defaults = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        self.scheduler = BackgroundScheduler(timezone="UTC", job_defaults=defaults)
        self.scheduler.add_listener(_report, EVENT_JOB_ERROR)
        self._every(30, schedules.fire_due)
        self._every(10, disk.look)
        self._every(3600, self.upkeep, first=datetime.now(UTC) + QUIET_START)

    def start(self) -> None:
        self.scheduler.start()

    def stop(self) -> None:
        if self.scheduler.running:
            self.scheduler.shutdown(wait=True)

    def clock_jumped(self) -> None:
        """The wall clock was set, or the machine slept: due times of before mean nothing any more."""
        for job in self.scheduler.get_jobs():
            job.modify(next_run_time=datetime.now(UTC))

    def upkeep(self) -> None:
        """Once a day, at whatever hour the machine is on: a backup of the ledger, then clearing up."""
        path = self.ledger.path
        if path is None:
            return
        newest = next(iter(care.backups(path)), None)
        if newest is not None and 0 <= time.time() - newest.stat().st_mtime < BACKUP_SECONDS:
            return
        care.back_up(path)
        with self.ledger.engine.connect() as rows:
            rows.execution_options(isolation_level="AUTOCOMMIT").execute(text("PRAGMA wal_checkpoint(PASSIVE)"))
        removals = retention.plan(self.ledger, self.workspace, retention.Rules())
        retention.apply(removals, self.ledger, self.workspace)

    def _every(self, seconds: int, do: Callable[[], object], *, first: datetime | None = None) -> None:
        self.scheduler.add_job(do, "interval", seconds=seconds, next_run_time=first or datetime.now(UTC))


def _report(event: JobExecutionEvent) -> None:
    log.error("a tick failed: %s\n%s", event.exception, event.traceback)
