"""Opens the ledger: SQLite in the workspace, or PostgreSQL by address; one writer at a time.

ledger = Ledger.of(workspace)
with ledger.write() as rows:
    rows.execute(insert(jobs).values(...))
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock
from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, inspect, make_url, select, text

from backend.errors import SetupError
from backend.ledger import care, schema
from backend.ledger.place import filesystem, require_local_and_writable
from backend.paths import Workspace
from backend.settings import Settings

BUSY_SECONDS = 15
JOURNAL = "WAL"
ONE_WRITER = 7_262_007  # any number: the PostgreSQL advisory lock that every writing transaction takes


class Ledger:
    """`place`: the path of a SQLite file, or the URL of another database.

    Opening makes a new ledger, migrates an older one (after a backup), and refuses a newer one, a network folder and a
    folder that cannot be written, each with a SetupError. A damaged file is replaced by its newest good backup.
    """

    def __init__(self, place: Path | str) -> None:
        self.path = place if isinstance(place, Path) else _file(place)
        if self.path is not None:
            require_local_and_writable(self.path.parent)
            self.engine = _sqlite(self.path)
        else:
            self.engine = create_engine(str(place), pool_pre_ping=True)
        self._open()
        self._require_wal()

    @classmethod
    def of(cls, workspace: Workspace, settings: Settings | None = None) -> "Ledger":
        """The one of a workspace, for every process alike: what STUDIO_DATABASE_URL names, else its SQLite file."""
        return cls((settings or Settings.read()).database_url or workspace.ledger)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Rows as they were at one moment; never waits for a writer. SetupError when the file is held for too long."""
        with _trouble_in_words(), self.engine.connect() as rows, rows.begin():
            yield rows

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is the only writer from its first line: what it reads stays true until it commits.

        SetupError when another program holds the file for longer than 15 seconds, or the disk is full.
        """
        with _trouble_in_words(), self.engine.connect() as plain:
            rows = plain.execution_options(studio_writer=True)
            with rows.begin():
                if self.path is None:
                    rows.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": ONE_WRITER})
                yield rows

    def close(self) -> None:
        self.engine.dispose()

    def _open(self) -> None:
        try:
            if self._version() == schema.HEAD:
                return
            with self._alone():
                self._bring_up_to_date()
        except exc.DatabaseError as error:
            if self.path is None:
                raise
            if not care.looks_damaged(error):
                raise SetupError("ledger.cannot_open", path=self.path.parent, error=error.orig) from error
            with self._alone():
                care.restore(self.path)
            self.engine.dispose()
            with self._alone():
                self._bring_up_to_date()

    def _require_wal(self) -> None:
        """SQLite itself refuses the write-ahead log where a file cannot be shared memory, as on some network drives."""
        if self.path is None:
            return
        with self.read() as rows:
            if rows.exec_driver_sql("PRAGMA journal_mode").scalar() != "wal":
                raise SetupError("ledger.network_folder", path=self.path.parent, kind=filesystem(self.path.parent))

    def _alone(self) -> FileLock:
        """Held while the file itself is made, migrated or restored."""
        shared = Path(tempfile.gettempdir()) / f"studio-ledger-{ONE_WRITER}.lock"
        return FileLock(shared if self.path is None else f"{self.path}.lock", timeout=60)

    def _version(self) -> str | None:
        with self.read() as rows:
            if not inspect(rows).has_table(schema.version.name):
                return None
            return rows.execute(select(schema.version.c.version_num)).scalar_one_or_none()

    def _bring_up_to_date(self) -> None:
        found = self._version()
        if found is None:
            with self.write() as rows:
                schema.metadata.create_all(rows)
                rows.execute(schema.version.insert().values(version_num=schema.HEAD))
        elif found not in schema.VERSIONS:
            raise SetupError("ledger.newer", found=found, known=schema.HEAD)
        elif found != schema.HEAD:
            care.migrate(self.engine, self.path)


@contextmanager
def _trouble_in_words() -> Iterator[None]:
    try:
        yield
    except exc.OperationalError as error:
        if "database is locked" in str(error.orig):
            raise SetupError("ledger.busy") from error
        if "disk is full" in str(error.orig):
            raise SetupError("ledger.disk_full") from error
        raise


def _file(address: str) -> Path | None:
    """The file of a SQLite address, which is opened as safely as that of a workspace; None for another database."""
    url = make_url(address)
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def _sqlite(path: Path) -> Engine:
    engine = create_engine(URL.create("sqlite", database=str(path)), pool_size=8, max_overflow=256)
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)

    def same_file(connection: Any, record: Any, proxy: Any) -> None:
        """A connection to a file that was replaced (restored from a backup) must not be used again."""
        here = path.stat().st_ino if path.exists() else None
        if record.info.setdefault("inode", here) != here:
            raise exc.DisconnectionError("the ledger file was replaced")

    event.listen(engine, "checkout", same_file)
    return engine


def _on_connect(connection: Any, record: Any) -> None:
    """Transactions are begun by `_on_begin` alone; FULL, because WAL with NORMAL may lose the last commits."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000:.0f}")
    cursor.execute(f"PRAGMA journal_mode = {JOURNAL}")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _on_begin(connection: Connection) -> None:
    writer = connection.get_execution_options().get("studio_writer", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")
