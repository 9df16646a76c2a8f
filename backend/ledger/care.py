"""Keeps the ledger file well: migrations, nightly backups, the check at start, going back to a backup."""

import logging
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from sqlalchemy import Engine, exc

from backend.ledger import schema

KEPT_BACKUPS = 7
log = logging.getLogger(__name__)


def looks_damaged(error: exc.DatabaseError) -> bool:
    """Whether SQLite says that the file itself is broken, not that it is busy or that a statement is wrong."""
    said = str(error.orig)
    return "malformed" in said or "not a database" in said or "disk image" in said


def is_sound(path: Path) -> bool:
    """SQLite's quick check of a ledger file: pages and indexes, in about a millisecond per megabyte."""
    try:
        with closing(sqlite3.connect(path, timeout=15)) as file:
            return bool(file.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
    except sqlite3.OperationalError:
        return True  # busy, or not to be opened: whoever opens it next will say so
    except sqlite3.DatabaseError:
        return False


def backups(ledger: Path) -> list[Path]:
    """Newest first."""
    return sorted((ledger.parent / "backups").glob(f"{ledger.stem}-*.sqlite"), reverse=True)


def back_up(ledger: Path) -> Path:
    """A consistent copy beside the ledger while others go on writing; the oldest beyond seven are removed."""
    folder = ledger.parent / "backups"
    folder.mkdir(exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    copy = folder / f"{ledger.stem}-{stamp}.sqlite"
    draft = copy.with_suffix(".part")
    draft.unlink(missing_ok=True)
    with closing(sqlite3.connect(ledger, timeout=15)) as file:
        file.execute("VACUUM INTO ?", (str(draft),))
    draft.replace(copy)
    for old in backups(ledger)[KEPT_BACKUPS:]:
        old.unlink()
    return copy


def restore(ledger: Path) -> Path | None:
    """Put a damaged ledger aside and the newest sound backup in its place; None when there is no sound one.

    The damaged file is kept. Rows newer than the backup come back from the run folders (`backend.jobs.rebuild`).
    """
    if ledger.exists() and is_sound(ledger):
        return ledger
    aside = ledger.with_name(f"{ledger.name}.damaged-{int(time.time())}")
    log.warning("the ledger is damaged: kept as %s", aside.name)
    for tail in ("", "-wal", "-shm"):
        part = ledger.with_name(ledger.name + tail)
        if part.exists():
            part.replace(aside.with_name(aside.name + tail))
    for copy in backups(ledger):
        if is_sound(copy):
            draft = ledger.with_name(f".{ledger.name}.restored")
            draft.write_bytes(copy.read_bytes())
            draft.replace(ledger)
            log.warning("the ledger was restored from %s", copy.name)
            return copy
    return None


def migrate(engine: Engine, path: Path | None) -> None:
    """Bring an older ledger to `schema.HEAD`, after a backup. Alembic is loaded only here."""
    if path is not None:
        back_up(path)
    alembic = import_module("backend.ledger.migrations.upgrade")
    alembic.upgrade(engine, schema.HEAD)
