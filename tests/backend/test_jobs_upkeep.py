"""Order over months: returning runs over clock changes, clearing up, room on the disk, rows from run folders."""

import shutil
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from backend.errors import AccessError, JobError
from backend.jobs.claims import Outcome
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode, Job, JobState, NewJob
from backend.jobs.process import Identity
from backend.jobs.upkeep import disk, rebuild, retention, seen
from backend.jobs.upkeep.schedules import Schedule, Schedules, moment, newest_due
from backend.ledger import care, schema
from backend.ledger.store import Ledger
from backend.paths import Workspace
from backend.people import HOME, Person
from tests.faults.stage import Stage

ME = Identity(1, "0", "no such boot")
ROME = "Europe/Rome"
NIGHTLY = NewJob("count", "nightly", {"steps": 1})


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage.at(tmp_path)


def at(text: str, zone: str = ROME) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def utc(seconds: float | None) -> str:
    assert seconds is not None
    return datetime.fromtimestamp(seconds, UTC).strftime("%m-%d %H:%M")


def nightly(stage: Stage, made: str, **more: object) -> Schedule:
    """Daily at 02:30 in Rome, entered at that moment."""
    schedule = Schedules(stage.jobs).add(HOME, NIGHTLY, zone=ROME, local_time="02:30", **more)
    with stage.ledger.write() as opened:
        opened.execute(update(schema.schedules).values(created_at=at(made), checked_at=at(made)))
    return schedule


def fired(stage: Stage, *moments: float) -> list[str]:
    return [job.name for now in moments for job in Schedules(stage.jobs).fire_due(now)]


@pytest.mark.parametrize(
    ("day", "in_utc"),
    [
        ("2027-03-27", "03-27 01:30"),
        ("2027-03-28", "03-28 01:30"),  # 02:30 does not exist: it is 03:30, which is 01:30 UTC
        ("2027-03-29", "03-29 00:30"),
        ("2027-10-30", "10-30 00:30"),
        ("2027-10-31", "10-31 00:30"),  # 02:30 comes twice: the first
        ("2027-11-01", "11-01 01:30"),
    ],
)
def test_half_past_two_on_the_nights_when_clocks_change(day: str, in_utc: str) -> None:
    assert utc(moment(ROME, date.fromisoformat(day), "02:30")) == in_utc


@pytest.mark.parametrize("first", ["2027-03-27", "2027-10-30"])
def test_every_night_has_exactly_one_run_over_a_clock_change(stage: Stage, first: str) -> None:
    nightly(stage, f"{first} 12:00")
    start = at(f"{first} 12:00")
    found = fired(stage, *(start + minutes * 60 for minutes in range(0, 3 * 24 * 60, 10)))
    assert len(found) == len(set(found)) == 3


def test_a_night_missed_is_skipped_or_made_up_for_once_as_chosen(tmp_path: Path) -> None:
    for run_missed, runs in ((False, 0), (True, 1)):
        stage = Stage.at(tmp_path / str(run_missed))
        nightly(stage, "2027-05-01 12:00", run_missed=run_missed)
        assert len(fired(stage, at("2027-05-05 09:00"), at("2027-05-05 09:01"))) == runs
        assert fired(stage, at("2027-05-06 02:31")) == ["nightly 2027-05-06"]


def test_a_run_named_by_hand_like_the_next_one_is_not_in_its_way(stage: Stage) -> None:
    nightly(stage, "2027-05-01 12:00")
    stage.submit("Nightly 2027-05-02")
    assert fired(stage, at("2027-05-02 02:31")) == ["nightly 2027-05-02 2"]


def test_two_ticks_at_once_start_one_run(stage: Stage) -> None:
    nightly(stage, "2027-05-01 12:00")
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.extend(fired(stage, at("2027-05-02 02:31")))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(stage.jobs.all(HOME)) == len(list(stage.workspace.runs.iterdir())) == 1


@pytest.mark.parametrize("jump", ["2040-01-01 00:00", "1970-01-02 00:00"])
def test_a_clock_that_was_wrong_for_a_moment_does_not_silence_a_schedule(stage: Stage, jump: str) -> None:
    nightly(stage, "2027-05-01 12:00", run_missed=True)
    fired(stage, at(jump))
    assert fired(stage, at("2027-05-02 02:31"))[-1:] == ["nightly 2027-05-02"]
    assert fired(stage, at("2027-05-02 01:31"), at("2027-05-02 02:31")) == []


def test_only_the_chosen_days_count() -> None:
    sunday = at("2027-05-02 12:00")
    assert utc(newest_due(ROME, "02:30", "0", sunday)) == "04-26 00:30"
    assert utc(newest_due(ROME, "02:30", "0123456", sunday)) == "05-02 00:30"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"zone": "Europe/Roma"}, 'time zone "Europe/Roma"'),
        ({"zone": "../../etc/passwd"}, "time zone"),
        ({"local_time": "25:00"}, '"25:00" is not a time'),
        ({"days": ""}, "at least one day"),
        ({"days": "7"}, "at least one day"),
    ],
)
def test_a_schedule_that_cannot_be_read_is_refused(stage: Stage, wrong: dict[str, str], sentence: str) -> None:
    with pytest.raises(JobError, match=sentence):
        Schedules(stage.jobs).add(HOME, NIGHTLY, **{"zone": ROME, "local_time": "02:30", **wrong})


def test_a_schedule_belongs_to_its_owner_and_can_rest(stage: Stage) -> None:
    schedule = nightly(stage, "2027-05-01 12:00")
    schedules = Schedules(stage.jobs)
    assert schedules.all(Person("ana")) == []
    for act in (
        lambda who: schedules.switch(who, schedule.id, active=False),
        lambda who: schedules.remove(who, schedule.id),
    ):
        with pytest.raises(AccessError):
            act(Person("ana"))
    schedules.switch(HOME, schedule.id, active=False)
    assert fired(stage, at("2027-05-02 02:31")) == []
    schedules.remove(HOME, schedule.id)
    assert schedules.all(HOME) == []


def finished(stage: Stage, name: str, days_ago: float) -> Job:
    """A run that was done some days ago and still has its checkpoints."""
    job = stage.submit(name)
    stage.claims.conclude(job.id, stage.begun(job, ME), Outcome(ExitCode.DONE))
    folder = stage.jobs.folder(job)
    (folder.checkpoints / "000005").mkdir(parents=True)
    (folder.checkpoints / "000005" / "weights").write_bytes(bytes(1000))
    with stage.ledger.write() as opened:
        ended = time.time() - days_ago * retention.DAY
        opened.execute(update(schema.jobs).where(schema.jobs.c.id == job.id).values(ended_at=ended))
    return job


def cleared(stage: Stage) -> list[retention.Removal]:
    return retention.plan(stage.ledger, stage.workspace, retention.Rules())


def test_only_old_checkpoints_of_finished_unpinned_runs_are_cleared(stage: Stage) -> None:
    old, _, pinned = finished(stage, "old", 40), finished(stage, "new", 10), finished(stage, "pinned", 40)
    stage.jobs.pin(HOME, pinned.id, pinned=True)
    running = stage.submit("running")
    stage.begun(running, ME)
    (stage.jobs.folder(running).checkpoints).mkdir()
    removals = cleared(stage)
    assert [(removal.path, removal.size) for removal in removals] == [(stage.jobs.folder(old).checkpoints, 1000)]
    before = set(stage.workspace.root.rglob("*"))
    assert retention.apply(removals, stage.ledger, stage.workspace) == removals
    gone = before - set(stage.workspace.root.rglob("*"))
    here = removals[0].path
    assert gone == {here, here / "000005", here / "000005" / "weights"}


def test_what_was_pinned_after_the_list_was_made_stays(stage: Stage) -> None:
    old = finished(stage, "old", 40)
    removals = cleared(stage)
    stage.jobs.pin(HOME, old.id, pinned=True)
    assert retention.apply(removals, stage.ledger, stage.workspace) == []
    assert stage.jobs.folder(old).checkpoints.exists()


@pytest.mark.parametrize("where", ["checkpoints", "trash"])
def test_a_link_is_never_followed(stage: Stage, tmp_path_factory: pytest.TempPathFactory, where: str) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "precious").write_text("x")
    link = (
        stage.jobs.folder(finished(stage, "old", 40)).checkpoints if where == "checkpoints" else stage.workspace.trash
    )
    removals = cleared(stage) if where == "checkpoints" else []
    if link.exists():
        shutil.rmtree(link)
    link.symlink_to(outside)
    assert [found for found in cleared(stage) if found.path.is_relative_to(link)] == []
    retention.apply(removals, stage.ledger, stage.workspace)
    retention.apply([retention.Removal(link / "precious", "deleted", 1)], stage.ledger, stage.workspace)
    assert (outside / "precious").exists()


def test_what_a_crash_left_in_the_trash_is_removed(stage: Stage) -> None:
    (stage.workspace.trash / "abc").mkdir(parents=True)
    retention.apply(cleared(stage), stage.ledger, stage.workspace)
    assert list(stage.workspace.trash.iterdir()) == []


@pytest.mark.parametrize(
    ("count", "words"),
    [(999, "999 B"), (12_300_000, "12 MB"), (1_500_000_000, "1.5 GB"), (4.1e12, "4.1 TB"), (2e9, "2 GB")],
)
def test_bytes_are_said_in_words(count: float, words: str) -> None:
    assert disk.in_words(count) == words


def test_below_the_floor_nothing_starts_and_the_reason_is_told(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    free = SimpleNamespace(free=80_000_000)
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda path: free)
    watch = disk.DiskWatch(stage.workspace, floor=500_000_000, reserve_bytes=2**20)
    watch.look()
    assert str(watch.blocked).startswith("The disk is nearly full: 80 MB free, 500 MB needed.")
    free.free = 10**12
    watch.look()
    assert watch.blocked is None
    assert disk.reserve(stage.workspace).stat().st_blocks * 512 >= 2**20


STORIES: dict[str, tuple[Callable[[Stage, Job], object], JobState]] = {
    "never started": (lambda stage, job: None, JobState.QUEUED),
    "done": (lambda stage, job: told(stage, job, ExitCode.DONE), JobState.DONE),
    "stopped": (lambda stage, job: told(stage, job, ExitCode.STOPPED), JobState.STOPPED),
    "failed": (lambda stage, job: told(stage, job, 1), JobState.FAILED),
    "died": (lambda stage, job: stage.begun(job, ME), JobState.RUNNING),
}


def told(stage: Stage, job: Job, code: int) -> None:
    """What a worker leaves behind that ended so."""
    stage.begun(job, ME)
    folder = stage.jobs.folder(job)
    folder.write(folder.status, {"state": "ended", "attempt": 1, "exit_code": code, "at": 7.0})


@pytest.mark.parametrize(("story", "state"), STORIES.values(), ids=STORIES.keys())
def test_a_lost_ledger_is_written_again_from_the_run_folders(
    stage: Stage, story: Callable[[Stage, Job], object], state: JobState
) -> None:
    job = stage.submit("prima")
    story(stage, job)
    stage.ledger.close()
    stage.workspace.ledger.unlink()
    again = Stage.at(stage.workspace.root)
    assert rebuild.is_needed(again.ledger, again.workspace)
    assert rebuild.rebuild(again.ledger, again.workspace) == 1
    found = again.jobs.get(HOME, job.id)
    assert (found.name, found.state, found.owner, found.created_at) == ("prima", state, "home", job.created_at)
    assert rebuild.rebuild(again.ledger, again.workspace) == 0


def test_a_dead_run_of_a_lost_ledger_goes_on_from_its_checkpoint(stage: Stage) -> None:
    job = stage.submit("prima")
    stage.begun(job, ME)
    stage.workspace.ledger.unlink()
    again = Stage.at(stage.workspace.root)
    rebuild.rebuild(again.ledger, again.workspace)
    again.loop().watch.look(0.0, {})
    assert again.job(job).state == JobState.QUEUED


def test_a_worker_that_outlived_its_ledger_settles_itself_in_the_new_one(stage: Stage) -> None:
    job = stage.submit("prima")
    token = stage.begun(job, ME)
    stage.workspace.ledger.unlink()
    again = Stage.at(stage.workspace.root)
    rebuild.rebuild(again.ledger, again.workspace)
    assert again.claims.conclude(job.id, token, Outcome(ExitCode.DONE)) is not None
    assert again.job(job).state == JobState.DONE


def test_an_older_copy_of_the_ledger_is_brought_up_to_date_and_keeps_what_people_wrote(stage: Stage) -> None:
    job = stage.submit("prima")
    stage.jobs.annotate(HOME, job.id, "cu note")
    copy = care.back_up(stage.workspace.ledger)
    told(stage, job, ExitCode.DONE)
    later = stage.submit("a doua")
    stage.ledger.close()
    copy.replace(stage.workspace.ledger)
    for tail in ("-wal", "-shm"):
        Path(f"{stage.workspace.ledger}{tail}").unlink(missing_ok=True)
    again = Stage.at(stage.workspace.root)
    assert rebuild.rebuild(again.ledger, again.workspace) == 2
    assert (again.job(job).state, again.job(job).note) == (JobState.DONE, "cu note")
    assert again.job(later).state == JobState.QUEUED


def test_a_folder_that_is_no_run_is_passed_over(stage: Stage) -> None:
    (stage.workspace.runs / "stray").mkdir()
    (stage.workspace.runs / "torn").mkdir()
    (stage.workspace.runs / "torn" / "request.json").write_text('{"job"')
    assert rebuild.rebuild(Ledger(stage.workspace.ledger), stage.workspace) == 0


def test_what_models_saw_is_counted_and_let_go(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path).create()
    assert seen.size(workspace) == 0
    (workspace.features / "ab").mkdir(parents=True)
    (workspace.features / "ab" / "ab.safetensors").write_bytes(bytes(1000))
    assert seen.size(workspace) == 1000
    for _ in range(2):
        seen.forget(workspace)
        assert seen.size(workspace) == 0


@pytest.mark.parametrize("half", [True, False])
def test_a_run_that_a_supervisor_has_taken_from_its_folder_before_its_row_was_there_is_entered_once(
    stage: Stage, half: bool
) -> None:
    """A supervisor that begins at this very moment finds the folder of a run that is being handed in."""

    def fill(folder: RunFolder) -> None:
        if not half:
            folder.write(folder.attempt, {"number": 1, "device": "cpu"})
            folder.write(folder.status, {"state": "ended", "attempt": 1, "exit_code": 0, "at": time.time()})
        assert rebuild.rebuild(stage.jobs.ledger, stage.workspace) == 1

    job = stage.jobs.keep(HOME, NewJob("adapter", "prima", {}, device="cpu"), fill)
    (found,) = stage.jobs.all(HOME)
    assert (found.id, found.name, found.state, found.attempt) == (job.id, "prima", JobState.DONE, 1)
    assert stage.jobs.folder(job).path.exists()
