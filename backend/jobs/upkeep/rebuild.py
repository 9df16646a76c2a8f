"""Rows from run folders: after a ledger was lost or an older copy of it was put back."""

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from backend import names
from backend.jobs import rows
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode, Job, JobState
from backend.ledger.schema import attempts, jobs
from backend.ledger.store import Ledger
from backend.paths import Workspace

log = logging.getLogger(__name__)


def rebuild(ledger: Ledger, workspace: Workspace) -> int:
    """Bring every row up to what its run folder says; how many were written. Nothing in the folders changes."""
    written = 0
    for folder in sorted(path for path in workspace.runs.iterdir() if path.is_dir()):
        try:
            job, token = _from_folder(RunFolder(folder), len(list(workspace.runs.iterdir())) + written)
        except (ValueError, KeyError, OSError) as error:
            log.warning("the run folder %s cannot be read: %s", folder.name, error)
            continue
        with ledger.write() as opened:
            written += _write(opened, job, token)
    return written


def _from_folder(folder: RunFolder, place: int) -> tuple[Job, str | None]:
    """The row as the folder tells it, and the token of its newest attempt."""
    facts = folder.read(folder.request)["job"]
    told, said = folder.read(folder.attempt), _status(folder)
    number = int(told.get("number", 0))
    state = _state(said, number)
    ended = said.get("at") if state in {JobState.DONE, JobState.FAILED, JobState.STOPPED} else None
    return Job(
        id=folder.path.name,
        owner=facts["owner"],
        kind=facts["kind"],
        name=facts["name"],
        state=state,
        attempt=number,
        position=float(place),
        device=facts["device"],
        created_at=facts["created_at"],
        started_at=said.get("at"),
        ended_at=ended,
        start_at=facts.get("start_at"),
        reason_key=said.get("reason_key"),
        reason_values=said.get("reason_values") or {},
        forecast_bytes=facts.get("forecast_bytes"),
        memory_failures=int(told.get("memory_failures", 0)),
    ), told.get("token")


def _status(folder: RunFolder) -> dict[str, Any]:
    try:
        return folder.read(folder.status)
    except json.JSONDecodeError:
        return {}


def _state(said: dict[str, Any], number: int) -> JobState:
    """What began and did not end counts as running: the supervisor asks its lock, and settles it if it is dead."""
    if number == 0:
        return JobState.QUEUED
    if said.get("attempt") != number or said.get("state") != "ended":
        return JobState.RUNNING
    code = said.get("exit_code")
    if code == ExitCode.DONE:
        return JobState.DONE
    if code == ExitCode.STOPPED:
        return JobState.STOPPED
    return JobState.RUNNING if code in {None, ExitCode.OUT_OF_MEMORY} else JobState.FAILED


def _write(opened: Connection, job: Job, token: str | None) -> bool:
    """Insert or replace a row that is missing or behind; what a person wrote on it is kept."""
    known = rows.get(opened, job.id)
    if known is not None:
        behind = known.attempt < job.attempt or (known.attempt == job.attempt and known.active and job.ended)
        if not behind:
            return False
        kept = {name: getattr(known, name) for name in ("name", "note", "pinned", "position", "losses")}
        job = replace(job, **kept)
        opened.execute(jobs.delete().where(jobs.c.id == job.id))
    job = replace(job, name=_free_name(opened, job))
    rows.insert(opened, job, name_key=names.folded(job.name))
    if job.attempt:
        opened.execute(
            attempts.insert().values(
                job_id=job.id,
                number=job.attempt,
                owner=job.owner,
                token=token or "",
                state=job.state.value,
                claimed_at=job.created_at,
                ended_at=job.ended_at,
                reason_values={},
            )
        )
    log.warning("the run %s was written back into the ledger as %s", job.id, job.state)
    return True


def _free_name(opened: Connection, job: Job) -> str:
    """Its name, with a number when another run was given the name meanwhile."""
    taken = opened.execute(jobs.select().with_only_columns(jobs.c.name).where(jobs.c.owner == job.owner)).scalars()
    return names.free(job.name, taken)


def is_needed(ledger: Ledger, workspace: Workspace) -> bool:
    """A ledger with no job beside folders full of runs has lost them."""
    with ledger.read() as opened:
        any_row = opened.execute(jobs.select().with_only_columns(jobs.c.id).limit(1)).scalar()
    return any_row is None and any(Path(path, "request.json").exists() for path in workspace.runs.iterdir())
