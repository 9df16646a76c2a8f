"""Clearing up: a list of what would be removed and why, and the removal of exactly that list."""

import logging
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from backend.jobs import rows
from backend.jobs.model import Job, JobState
from backend.ledger.schema import jobs
from backend.ledger.store import Ledger
from backend.paths import Workspace

DAY = 86_400
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rules:
    """`checkpoint_days`: how long a finished run, whose adapter is kept for good, keeps the means to train on."""

    checkpoint_days: float = 30.0


@dataclass(frozen=True)
class Removal:
    path: Path
    why: str
    size: int


def plan(ledger: Ledger, workspace: Workspace, rules: Rules, now: float | None = None) -> list[Removal]:
    """What `apply` would remove now, nothing else: leftovers of deleted runs, old checkpoints of finished ones."""
    moment = time.time() if now is None else now
    with ledger.read() as opened:
        found = [rows.job_from(row) for row in opened.execute(select(*rows.COLUMNS).order_by(jobs.c.id))]
    wanted = [*_leftovers(workspace), *_old_checkpoints(workspace, found, moment - rules.checkpoint_days * DAY)]
    return [Removal(path, why, size(path)) for path, why in wanted if is_ours(path, workspace)]


def apply(removals: list[Removal], ledger: Ledger, workspace: Workspace) -> list[Removal]:
    """Remove these paths, each looked at once more; what was pinned, started or linked elsewhere since then stays."""
    done = []
    for removal in removals:
        if is_ours(removal.path, workspace) and _still_free(removal.path, ledger, workspace):
            shutil.rmtree(removal.path) if removal.path.is_dir() else removal.path.unlink()
            log.info("removed %s (%s, %d bytes)", removal.path, removal.why, removal.size)
            done.append(removal)
    return done


def is_ours(path: Path, workspace: Workspace) -> bool:
    """A real file or folder below the workspace, reached through no link: a link could lead anywhere."""
    root = workspace.root.resolve()
    return path.exists() and not path.is_symlink() and path.resolve() == root / path.relative_to(workspace.root)


def size(path: Path) -> int:
    """Bytes of a file or folder; links count as nothing."""
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file() and not file.is_symlink())


def _leftovers(workspace: Workspace) -> Iterator[tuple[Path, str]]:
    if workspace.trash.is_dir() and not workspace.trash.is_symlink():
        for path in sorted(workspace.trash.iterdir()):
            yield path, "deleted"


def _old_checkpoints(workspace: Workspace, found: list[Job], before: float) -> Iterator[tuple[Path, str]]:
    for job in found:
        old = job.ended_at is not None and job.ended_at < before
        if job.state == JobState.DONE and old and not job.pinned:
            yield workspace.run(job.id) / "checkpoints", "checkpoints of a finished run"


def _still_free(path: Path, ledger: Ledger, workspace: Workspace) -> bool:
    if path.is_relative_to(workspace.trash):
        return True
    with ledger.read() as opened:
        job = rows.get(opened, path.relative_to(workspace.runs).parts[0])
    return job is not None and job.state == JobState.DONE and not job.pinned
