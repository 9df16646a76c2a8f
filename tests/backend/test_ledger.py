"""The ledger file: how it is opened, migrated, guarded, backed up and mended."""

import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import IntegrityError

from backend.cli.headless import open_jobs
from backend.errors import SetupError
from backend.ledger import care, place, schema, store
from backend.ledger.migrations import upgrade
from backend.ledger.store import Ledger
from backend.paths import ROOT, Workspace
from backend.settings import Settings
from studio.services.door import Services


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


def names(ledger: Ledger) -> list[str]:
    with ledger.read() as rows:
        return list(rows.execute(select(schema.people.c.name).order_by(schema.people.c.id)).scalars())


def add(ledger: Ledger, name: str) -> None:
    with ledger.write() as rows:
        rows.execute(insert(schema.people).values(id=name, owner=name, name=name, created_at=0.0))


def older(path: Path) -> None:
    """A ledger of the first version, with one run in it."""
    engine = store._sqlite(path)
    upgrade.upgrade(engine, "0001")
    with engine.connect() as plain, plain.execution_options(studio_writer=True).begin():
        plain.execute(
            text(
                "INSERT INTO jobs (id, owner, kind, name, name_key, state, attempt, position, device, created_at, "
                "reason_values, note, memory_failures, losses) VALUES "
                "('j1', 'home', 'train', 'prima', 'prima', 'done', 1, 1.0, 'cpu', 5.0, '{}', 'bună', 0, 0)"
            )
        )
    engine.dispose()


def test_a_commit_is_on_the_disk_and_foreign_keys_hold(ledger: Ledger) -> None:
    with ledger.read() as rows:
        found = [
            rows.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert found == ["wal", 2, 1]


def test_the_page_the_commands_and_the_worker_open_the_database_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(tmp_path / "workspace").create()
    monkeypatch.setenv("STUDIO_DATABASE_URL", f"sqlite:///{tmp_path}/elsewhere.sqlite")
    opened = [
        Ledger.of(workspace),
        Ledger.of(workspace, Settings.read()),
        open_jobs(workspace.root).ledger,
        Services.at(workspace.root).jobs.ledger,
    ]
    add(opened[0], "ana")
    assert [names(ledger) for ledger in opened] == [["ana"]] * 4
    assert not workspace.ledger.exists()
    monkeypatch.delenv("STUDIO_DATABASE_URL")
    assert names(Ledger.of(workspace)) == []


def test_no_process_opens_a_ledger_by_itself() -> None:
    """Each of them would have to remember the setting that names another database."""
    opened = [
        path.relative_to(ROOT)
        for folder in ("backend", "studio")
        for path in (ROOT / folder).rglob("*.py")
        if "Ledger(" in path.read_text(encoding="utf-8").replace("class Ledger(", "")
    ]
    assert opened == []


def test_a_workspace_may_be_called_anything(tmp_path: Path) -> None:
    folder = tmp_path / "a ?#%20& ș"
    folder.mkdir()
    add(Ledger(folder / "ledger.sqlite"), "ana")
    assert (folder / "ledger.sqlite").stat().st_size > 0
    assert care.is_sound(care.back_up(folder / "ledger.sqlite"))


def test_a_workspace_of_an_older_version_opens_with_its_runs_and_a_backup(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    older(path)
    with Ledger(path).read() as rows:
        job = rows.execute(select(schema.jobs)).one()
    assert (job.name, job.note, job.pinned) == ("prima", "bună", False)
    assert len(care.backups(path)) == 1


def test_the_migrations_and_the_tables_say_the_same(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    older(path)
    with Ledger(path).read() as rows:
        context = MigrationContext.configure(rows, opts={"version_table": schema.version.name})
        assert compare_metadata(context, schema.metadata) == []
    assert upgrade.head() == schema.HEAD


def test_a_migration_that_dies_leaves_the_older_ledger_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger.sqlite"
    older(path)
    real = upgrade.command.upgrade

    def dies(*arguments: object) -> None:
        real(*arguments)
        raise RuntimeError("power went away")

    monkeypatch.setattr(upgrade.command, "upgrade", dies)
    with pytest.raises(RuntimeError):
        Ledger(path)
    monkeypatch.undo()
    with Ledger(path).read() as rows:
        assert rows.execute(select(schema.jobs.c.name)).scalar() == "prima"


def test_opening_an_up_to_date_ledger_does_not_load_alembic(ledger: Ledger) -> None:
    code = (
        "import sys; from pathlib import Path; from backend.ledger.store import Ledger;"
        f"Ledger(Path({str(ledger.path)!r})); print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_ledger_of_a_newer_studio_is_refused_in_one_sentence(ledger: Ledger) -> None:
    with ledger.write() as rows:
        rows.execute(update(schema.version).values(version_num="0099"))
    with pytest.raises(SetupError, match=r"newer studio \(ledger 0099, this program knows 0006\)"):
        Ledger(ledger.path or "")


@pytest.mark.parametrize("kind", ["nfs4", "CIFS", "fuse.sshfs"])
def test_a_network_drive_is_refused(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = [SimpleNamespace(mountpoint="/", fstype="ext4"), SimpleNamespace(mountpoint=str(tmp_path), fstype=kind)]
    monkeypatch.setattr(place.psutil, "disk_partitions", lambda all: mounts)
    with pytest.raises(SetupError, match=f"network drive \\({kind.lower()}\\)"):
        Ledger(tmp_path / "ledger.sqlite")


def test_the_innermost_mount_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = [SimpleNamespace(mountpoint="/", fstype="nfs"), SimpleNamespace(mountpoint=str(tmp_path), fstype="ext4")]
    monkeypatch.setattr(place.psutil, "disk_partitions", lambda all: mounts)
    assert place.filesystem(tmp_path / "deep") == "ext4"


def test_a_folder_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(SetupError, match="cannot be written"):
        Ledger(Path("/proc/ledger.sqlite"))


def test_a_drive_on_which_sqlite_cannot_share_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "JOURNAL", "DELETE")
    with pytest.raises(SetupError, match="network drive"):
        Ledger(tmp_path / "ledger.sqlite")


def test_a_ledger_that_cannot_be_opened_is_said_so_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").mkdir()
    with pytest.raises(SetupError, match="cannot be opened: unable to open database file"):
        Ledger(tmp_path / "ledger.sqlite")


@pytest.mark.parametrize("damage", ["header", "middle", "truncated"])
def test_a_damaged_ledger_is_kept_aside_and_its_newest_sound_backup_used(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "ledger.sqlite"
    first = Ledger(path)
    add(first, "ana")
    assert first.path
    care.back_up(path)
    first.close()
    raw = bytearray(path.read_bytes())
    if damage == "header":
        raw[:100] = b"\xff" * 100
    elif damage == "middle":
        raw[4096:] = bytes(255 - byte for byte in raw[4096:])
    else:
        raw = raw[: len(raw) // 2]
    path.write_bytes(raw)
    assert not care.is_sound(path)
    care.restore(path)
    assert names(Ledger(path)) == ["ana"]
    assert [found.read_bytes() for found in tmp_path.glob("ledger.sqlite.damaged-*")] == [bytes(raw)]


def test_opening_mends_a_file_that_is_no_database_even_without_a_backup(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"<html>not a ledger</html>" * 100)
    assert names(Ledger(path)) == []


def test_a_damaged_backup_is_passed_over(tmp_path: Path, ledger: Ledger) -> None:
    assert ledger.path
    add(ledger, "ana")
    care.back_up(ledger.path)
    add(ledger, "ion")
    newest = care.back_up(ledger.path)
    newest.write_bytes(b"\0" * 5000)
    ledger.close()
    ledger.path.write_bytes(b"\0" * 5000)
    assert names(Ledger(ledger.path)) == ["ana"]


def test_an_open_ledger_follows_when_its_file_was_replaced(ledger: Ledger) -> None:
    assert ledger.path
    add(ledger, "ana")
    care.back_up(ledger.path)
    for tail in ("", "-wal", "-shm"):
        part = Path(f"{ledger.path}{tail}")
        if part.exists():
            part.rename(f"{part}.gone")
    ledger.path.write_bytes(care.backups(ledger.path)[0].read_bytes())
    add(ledger, "ion")
    assert names(Ledger(ledger.path)) == ["ana", "ion"]


def test_seven_backups_are_kept_and_each_is_whole(ledger: Ledger) -> None:
    assert ledger.path
    for number in range(9):
        add(ledger, str(number))
        care.back_up(ledger.path)
    kept = care.backups(ledger.path)
    assert len(kept) == 7
    assert all(care.is_sound(copy) for copy in kept)
    assert names(Ledger(kept[0])) == [str(number) for number in range(9)]


def test_what_a_writer_reads_stays_true_until_it_commits(ledger: Ledger) -> None:
    """Read, add one, write: with deferred transactions some of the eighty would be lost or refused."""
    add(ledger, "0")

    def count() -> None:
        for _ in range(20):
            with ledger.write() as rows:
                seen = int(rows.execute(select(schema.people.c.name)).scalar_one())
                rows.execute(update(schema.people).values(name=str(seen + 1)))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names(ledger) == ["80"]


def test_an_error_in_a_transaction_takes_back_all_of_it(ledger: Ledger) -> None:
    add(ledger, "ana")
    with pytest.raises(IntegrityError), ledger.write() as rows:
        rows.execute(
            insert(schema.people),
            [{"id": name, "owner": "x", "name": name, "created_at": 0.0} for name in ("ion", "ana")],
        )
    assert names(ledger) == ["ana"]


def test_a_ledger_that_somebody_holds_is_busy_in_words_and_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "BUSY_SECONDS", 0.2)
    ledger = Ledger(tmp_path / "ledger.sqlite")
    add(ledger, "ana")
    with ledger.write():
        assert names(ledger) == ["ana"]
        with pytest.raises(SetupError, match="busy"):
            add(ledger, "ion")
    add(ledger, "ion")
    assert names(ledger) == ["ana", "ion"]
