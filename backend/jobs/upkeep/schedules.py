"""Runs that come back: rows with a time zone and a time of day, never a timer's own store.

A tick asks what is due. The row of the new job and the mark that the schedule has fired are one transaction, so a crash
or a second tick starts nothing twice. On the night when clocks go forward, 02:30 means 03:30; when they go back, 02:30
means the first of the two.
"""

import logging
import secrets
import time
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection, select

from backend import names
from backend.errors import AccessError, JobError
from backend.jobs.model import Job, NewJob
from backend.jobs.service import Jobs
from backend.ledger.schema import jobs as job_rows
from backend.ledger.schema import schedules
from backend.people import Person

EVERY_DAY = "0123456"
LATE_SECONDS = 900
CLOCK_SLACK = 86_400
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Schedule:
    """`days`: digits, Monday is 0. `run_missed`: run at once when the machine was off at the time.

    `job` holds the fields of `NewJob`; each run is called after the schedule and the day.
    """

    id: str
    owner: str
    name: str
    zone: str
    local_time: str
    days: str
    job: dict[str, Any]
    run_missed: bool
    active: bool
    checked_at: float
    fired_at: float | None
    created_at: float


def moment(zone: str, day: date, local_time: str) -> float:
    """UTC epoch seconds of a local time of day; JobError when zone or time cannot be read."""
    try:
        there = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise JobError("jobs.bad_zone", zone=zone) from error
    try:
        clock = time_of_day.fromisoformat(local_time)
    except ValueError as error:
        raise JobError("jobs.bad_time", time=local_time) from error
    return datetime.combine(day, clock, tzinfo=there).astimezone(UTC).timestamp()


def newest_due(zone: str, local_time: str, days: str, now: float) -> float | None:
    """The latest moment, not after `now` and at most a week back, at which a schedule was due."""
    today = datetime.fromtimestamp(now, ZoneInfo(zone)).date()
    for back in range(-1, 8):
        day = today - timedelta(days=back)
        due = moment(zone, day, local_time)
        if due <= now and str(day.weekday()) in days:
            return due
    return None


class Schedules:
    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs
        self.ledger = jobs.ledger

    def add(
        self,
        person: Person,
        new: NewJob,
        *,
        zone: str,
        local_time: str,
        days: str = EVERY_DAY,
        run_missed: bool = False,
    ) -> Schedule:
        """JobError when the name, the zone, the time or the days cannot be used."""
        now = time.time()
        moment(zone, datetime.now(UTC).date(), local_time)
        if not days or set(days) - set(EVERY_DAY):
            raise JobError("jobs.bad_days")
        made = Schedule(
            id=secrets.token_hex(8),
            owner=person.id,
            name=names.check(new.name),
            zone=zone,
            local_time=local_time,
            days=days,
            job=asdict(new),
            run_missed=run_missed,
            active=True,
            checked_at=now,
            fired_at=None,
            created_at=now,
        )
        with self.ledger.write() as opened:
            opened.execute(schedules.insert().values(asdict(made)))
        return made

    def all(self, person: Person) -> list[Schedule]:
        with self.ledger.read() as opened:
            return self._read(opened, schedules.c.owner == person.id)

    def switch(self, person: Person, schedule_id: str, *, active: bool) -> None:
        """Pause a schedule, or let it go on from now; AccessError when it is not this person's."""
        self._change(person, schedule_id, active=active, checked_at=time.time())

    def remove(self, person: Person, schedule_id: str) -> None:
        mine = (schedules.c.id == schedule_id) & (schedules.c.owner == person.id)
        with self.ledger.write() as opened:
            if not opened.execute(schedules.delete().where(mine)).rowcount:
                raise AccessError("jobs.unknown", name=schedule_id)

    def fire_due(self, now: float | None = None) -> list[Job]:
        """Queue one job for every schedule that came due since it was last looked at, however often it did."""
        moment_now = time.time() if now is None else now
        with self.ledger.read() as opened:
            active = self._read(opened, schedules.c.active)
        return [job for schedule in active if (job := self._fire(schedule, moment_now)) is not None]

    def _fire(self, schedule: Schedule, now: float) -> Job | None:
        since = schedule.checked_at if schedule.checked_at <= now + CLOCK_SLACK else 0.0
        due = newest_due(schedule.zone, schedule.local_time, schedule.days, now)
        if due is None or due <= max(since, schedule.created_at):
            return None
        mine = (schedules.c.id == schedule.id) & (schedules.c.checked_at == schedule.checked_at)
        if now - due > LATE_SECONDS and not schedule.run_missed:
            with self.ledger.write() as opened:
                opened.execute(schedules.update().where(mine).values(checked_at=now))
            return None

        def mark(opened: Connection) -> bool:
            fired = opened.execute(schedules.update().where(mine).values(checked_at=now, fired_at=now))
            return fired.rowcount == 1

        day = datetime.fromtimestamp(due, ZoneInfo(schedule.zone)).date().isoformat()
        person = Person(schedule.owner)
        name = names.free(f"{schedule.name} {day}", self._taken(person))
        try:
            return self.jobs.submit_if(person, NewJob(**schedule.job | {"name": name, "start_at": None}), mark)
        except JobError as error:
            log.warning("schedule %s could not fire now, and is tried again: %s", schedule.id, error)
            return None

    def _taken(self, person: Person) -> list[str]:
        with self.ledger.read() as opened:
            return list(opened.execute(select(job_rows.c.name).where(job_rows.c.owner == person.id)).scalars())

    def _read(self, opened: Connection, which: Any) -> list[Schedule]:
        return [Schedule(**row._mapping) for row in opened.execute(select(schedules).where(which))]

    def _change(self, person: Person, schedule_id: str, **values: Any) -> None:
        mine = (schedules.c.id == schedule_id) & (schedules.c.owner == person.id)
        with self.ledger.write() as opened:
            if not opened.execute(schedules.update().where(mine).values(**values)).rowcount:
                raise AccessError("jobs.unknown", name=schedule_id)
