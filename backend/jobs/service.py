"""What a person may do with jobs. Each method takes the acting person first and sees only that person's rows."""

import json
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal

from filelock import Timeout
from sqlalchemy import Connection, func, select

from backend import names
from backend.errors import AccessError, JobError, SetupError
from backend.jobs import order, recorded, rows
from backend.jobs.folder import RunFolder, sync_folder
from backend.jobs.model import CHORES, ExitCode, Job, JobState, NewJob
from backend.ledger.schema import jobs, wishes
from backend.ledger.store import Ledger
from backend.paths import Workspace
from backend.people import Person

Wish = Literal["engine", "worker"]
# What a request.json says of its job.
FACTS = ("id", "owner", "kind", "name", "device", "created_at", "start_at", "forecast_bytes")
FARTHEST_START = 366 * 86_400.0


def new_id() -> str:
    """Sorts by time of creation, and is a safe folder name everywhere."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(4)}"


class Jobs:
    def __init__(self, ledger: Ledger, workspace: Workspace) -> None:
        self.ledger = ledger
        self.workspace = workspace

    def submit(self, person: Person, new: NewJob) -> Job:
        """Put a job at the end of the queue; JobError: the name cannot be used; SetupError: the disk is full."""
        job = self.submit_if(person, new, lambda opened: True)
        assert job is not None
        return job

    def submit_if(self, person: Person, new: NewJob, allowed: Callable[[Connection], bool]) -> Job | None:
        """As `submit`, unless `allowed`, asked in the same transaction, says no (None)."""
        return self._enter(person, self._first_state(person, new), new.request, allowed, lambda folder: None)

    def keep(self, person: Person, new: NewJob, fill: Callable[[RunFolder], None]) -> Job:
        """A run that needs no work: `fill` puts what it made into its folder, and it is done; else as `submit`."""
        queued = self._first_state(person, new)
        now = queued.created_at
        done = replace(queued, state=JobState.DONE, attempt=1, started_at=now, ended_at=now)

        def complete(folder: RunFolder) -> None:
            fill(folder)
            folder.write(folder.attempt, {"number": 1, "device": new.device}, mode=0o600)
            folder.write(folder.status, {"state": "ended", "attempt": 1, "exit_code": ExitCode.DONE, "at": now})

        job = self._enter(person, done, new.request, lambda opened: True, complete)
        assert job is not None
        return job

    def _enter(
        self,
        person: Person,
        job: Job,
        request: Mapping[str, Any],
        allowed: Callable[[Connection], bool],
        fill: Callable[[RunFolder], None],
    ) -> Job | None:
        """The folder is on the disk before the row: a row without a request cannot exist, and a folder without a row
        is picked up when the ledger is rebuilt.
        """
        entered = False
        try:
            self._write_folder(job, request)
            fill(self.folder(job))
            with self.ledger.write() as opened:
                if allowed(opened):
                    name = self._require_unused(opened, person, job.name, job.id)
                    job = order.at_the_end(opened, job)
                    rows.enter(opened, job, name_key=names.folded(name))
                    entered = True
        except OSError as error:
            raise SetupError("jobs.no_room", error=error.strerror) from error
        finally:
            if not entered:
                shutil.rmtree(self.folder(job).path, ignore_errors=True)
        self.kick()
        return job if entered else None

    def get(self, person: Person, job_id: str) -> Job:
        """AccessError when there is no such job, or it is somebody else's."""
        if (shipped := recorded.by_id(job_id)) is not None:
            return shipped
        with self.ledger.read() as opened:
            return self._own(opened, person, job_id)

    def find(self, person: Person, name_or_id: str) -> Job:
        """By id or by name; AccessError when this person has no such job."""
        with self.ledger.read() as opened:
            named = jobs.c.name_key == names.folded(name_or_id)
            mine = (jobs.c.owner == person.id) & (named | (jobs.c.id == name_or_id))
            found = opened.execute(select(*rows.COLUMNS).where(mine)).first()
        if found is not None:
            return rows.job_from(found)
        if (shipped := recorded.find(name_or_id)) is not None:
            return shipped
        raise AccessError("jobs.unknown", name=name_or_id)

    def all(self, person: Person) -> list[Job]:
        """This person's own, newest first."""
        with self.ledger.read() as opened:
            mine = select(*rows.COLUMNS).where(jobs.c.owner == person.id).order_by(jobs.c.id.desc())
            return [rows.job_from(row) for row in opened.execute(mine)]

    def shown(self, person: Person) -> list[Job]:
        """This person's own runs, newest first; then those that ship with the studio."""
        return [*(job for job in self.all(person) if job.kind not in CHORES), *recorded.every()]

    def folder(self, job: Job) -> RunFolder:
        return RunFolder(self.workspace.run(job.id))

    def stop(self, person: Person, job_id: str, *, save: bool = True) -> Job:
        """Ask a job to stop, keeping what it has learned when `save`; a queued one is taken out of the queue.

        Asking again changes nothing; JobError for a job that has ended otherwise.
        """
        with self.ledger.write() as opened:
            job = self._own(opened, person, job_id)
            if job.state == JobState.QUEUED:
                rows.move(opened, job, JobState.STOPPED, ended_at=time.time(), reason_key="jobs.stopped_in_queue")
            elif job.active:
                self.folder(job).write(self.folder(job).stop, {"save": save})
                rows.change(opened, job.id, stop_asked_at=job.stop_asked_at or time.time())
            elif job.state in {JobState.DONE, JobState.FAILED}:
                raise JobError("jobs.already_ended", name=job.name)
        self.kick()
        return self.get(person, job_id)

    def resume(self, person: Person, job_id: str) -> Job:
        """Put a stopped, interrupted or failed job back into the queue; it goes on from its newest checkpoint."""
        with self.ledger.write() as opened:
            job = self._own(opened, person, job_id)
            if not job.resumable:
                raise JobError("jobs.not_resumable", name=job.name, state=job.state.value)
            again = order.at_the_end(opened, job)
            fresh: dict[str, Any] = {
                "reason_key": None,
                "reason_values": {},
                "memory_failures": 0,
                "losses": 0,
                "start_at": None,
            }
            times = {"ended_at": None, "stop_asked_at": None}
            rows.move(opened, job, JobState.QUEUED, position=again.position, **fresh, **times)
        self.kick()
        return self.get(person, job_id)

    def move(self, person: Person, job_id: str, before: str | None = None) -> Job:
        """Change the order of the queue: to just before another queued job, or to the end."""
        with self.ledger.write() as opened:
            job = self._own(opened, person, job_id)
            other = None if before is None else self._own(opened, person, before)
            for moved in (job, other):
                if moved is not None and moved.state != JobState.QUEUED:
                    raise JobError("jobs.not_queued", name=moved.name)
            order.place(opened, job, other)
        self.kick()
        return self.get(person, job_id)

    def start_at(self, person: Person, job_id: str, when: float | None) -> Job:
        """Let a queued job wait until `when` (UTC epoch seconds), or no longer (None).

        JobError for a job that does not wait, and for a moment that is past or more than a year away.
        """
        if when is not None and not 0 < when - time.time() < FARTHEST_START:
            raise JobError("jobs.start_past" if when <= time.time() else "jobs.start_far")
        with self.ledger.write() as opened:
            job = self._own(opened, person, job_id)
            if job.state != JobState.QUEUED:
                raise JobError("jobs.not_waiting", name=job.name)
            rows.change(opened, job.id, start_at=when)
        self.kick()
        return self.get(person, job_id)

    def rename(self, person: Person, job_id: str, name: str) -> Job:
        with self.ledger.write() as opened:
            job = self._own(opened, person, job_id)
            cleaned = self._require_unused(opened, person, name, but=job.id)
            rows.change(opened, job.id, name=cleaned, name_key=names.folded(cleaned))
        return self.get(person, job_id)

    def annotate(self, person: Person, job_id: str, note: str) -> Job:
        """Keep a person's own note (at most 4,000 characters) with the job."""
        return self._change(person, job_id, note=note[:4000])

    def pin(self, person: Person, job_id: str, *, pinned: bool) -> Job:
        """A pinned run is never cleaned up."""
        return self._change(person, job_id, pinned=pinned)

    def delete(self, person: Person, job_id: str) -> None:
        """Remove a job and its folder for good; JobError while it is active or its process still lives."""
        with self.ledger.write() as opened:
            job = self._own(opened, person, job_id)
            if job.active or self._alive(job):
                raise JobError("jobs.delete_active", name=job.name)
            here, gone = self.workspace.run(job.id), self.workspace.trash / job.id
            gone.parent.mkdir(exist_ok=True)
            if here.exists():
                here.replace(gone)
            opened.execute(jobs.delete().where(jobs.c.id == job.id))
        shutil.rmtree(gone, ignore_errors=True)

    def want_engine(self, person: Person) -> None:
        """Say that this person wants to chat now: the supervisor starts the engine, and keeps it 30 minutes after."""
        self._wish(person, "engine")

    def want_worker(self, person: Person) -> None:
        """Say that the page is usable: the supervisor gets a warm worker ready."""
        self._wish(person, "worker")

    def supervisor_status(self) -> dict[str, Any]:
        """What the supervisor last wrote: {pid, at, blocked, made_room, warm, engine}, or {} when none has run here.

        `blocked`, when not null, is {key, values} of a sentence: why queued jobs are not started.
        `made_room`: the name of the run for which the chat gave up its memory, until that run is over.
        """
        path = self.workspace.supervisor_status
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return found

    def kick(self) -> None:
        self.workspace.kick.touch()

    def _own(self, opened: Connection, person: Person, job_id: str) -> Job:
        job = rows.get(opened, job_id)
        if job is None and (shipped := recorded.by_id(job_id)) is not None:
            raise JobError("jobs.recorded", name=shipped.name)
        if job is None or job.owner != person.id:
            raise AccessError("jobs.unknown", name=job_id)
        return job

    def _change(self, person: Person, job_id: str, **values: Any) -> Job:
        with self.ledger.write() as opened:
            rows.change(opened, self._own(opened, person, job_id).id, **values)
        return self.get(person, job_id)

    def _alive(self, job: Job) -> bool:
        folder = self.folder(job)
        if not folder.path.exists():
            return False
        try:
            with folder.lock().acquire(blocking=False):
                return False
        except Timeout:
            return True

    def _require_unused(self, opened: Connection, person: Person, name: str, but: str = "") -> str:
        """The checked name; JobError says what is wrong with it, or which run of this person has it."""
        key = names.folded(names.check(name))
        mine = (jobs.c.owner == person.id) & (jobs.c.name_key == key) & (jobs.c.id != but)
        return names.unused(name, opened.execute(select(jobs.c.name).where(mine)).scalars())

    def _first_state(self, person: Person, new: NewJob) -> Job:
        with self.ledger.read() as opened:
            name = self._require_unused(opened, person, new.name)
        return Job(
            id=new_id(),
            owner=person.id,
            kind=new.kind,
            name=name,
            state=JobState.QUEUED,
            attempt=0,
            position=0.0,
            device=new.device,
            created_at=time.time(),
            start_at=new.start_at,
            forecast_bytes=new.forecast_bytes,
        )

    def _write_folder(self, job: Job, request: Mapping[str, Any]) -> None:
        folder = self.folder(job)
        folder.path.mkdir(parents=True, mode=0o700)
        facts = {name: getattr(job, name) for name in FACTS}
        folder.write(folder.request, {**request, "job": facts}, mode=0o600)
        sync_folder(folder.path.parent)

    def _wish(self, person: Person, what: Wish) -> None:
        with self.ledger.write() as opened:
            mine = (wishes.c.owner == person.id) & (wishes.c.what == what)
            known = opened.execute(select(func.count()).select_from(wishes).where(mine)).scalar()
            if known:
                opened.execute(wishes.update().where(mine).values(wished_at=time.time()))
            else:
                opened.execute(wishes.insert().values(owner=person.id, what=what, wished_at=time.time()))
        self.kick()
