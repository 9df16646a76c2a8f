"""The supervisor and real worker processes: started, stopped, killed, adopted, held back."""

import os
import signal
import subprocess
import sys
import threading

import pytest
from filelock import FileLock
from sqlalchemy import update

from backend.errors import SetupError
from backend.jobs import process
from backend.jobs.model import ExitCode, JobState
from backend.ledger import schema, store
from backend.people import HOME
from tests.faults.counter import answer
from tests.faults.stage import Stage, ends, result, runs, until


def supervisor(stage: Stage, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "backend.jobs.supervisor", "--workspace", str(stage.workspace.root)]
    worker = ["--worker", "tests.faults.fake_worker", "--until-idle"]
    return subprocess.run([*command, *worker, *more], capture_output=True, text=True, check=False)


def test_the_command_works_off_the_queue_and_ends_when_it_is_empty(stage: Stage) -> None:
    good, bad = stage.submit("good"), stage.submit("bad", odd="refuses")
    done = supervisor(stage)
    assert done.returncode == 0, done.stderr
    assert (stage.job(good).state, stage.job(bad).state) == (JobState.DONE, JobState.FAILED)
    assert result(stage, good) == answer(10)
    assert not stage.workspace.supervisor_status.exists()


def test_a_second_supervisor_of_a_workspace_is_refused_in_one_sentence(stage: Stage) -> None:
    with FileLock(stage.workspace.supervisor_lock):
        second = supervisor(stage)
    assert second.returncode == ExitCode.LOCK_HELD
    assert second.stderr.splitlines() == [str(SetupError("jobs.second_supervisor", path=stage.workspace.root))]


def test_a_workspace_that_cannot_be_is_refused_in_one_sentence() -> None:
    command = [sys.executable, "-m", "backend.jobs.supervisor", "--workspace", "/proc/studio"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.CANNOT_RUN
    assert len(done.stderr.splitlines()) == 1
    assert "/proc/studio" in done.stderr


def test_a_submitted_run_is_taken_up_at_once_and_not_at_the_next_round(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next round would be in an hour: only the submission itself can have woken the supervisor."""
    monkeypatch.setattr("backend.jobs.supervisor.loop.LOOK", 3600.0)
    loop = stage.loop()
    loop.beat()
    thread = threading.Thread(target=loop.run)
    thread.start()
    for number in range(3):
        job = stage.submit(str(number), device=f"gpu:{number}")
        until(lambda job=job: stage.job(job).attempt == 1)
    until(lambda: all(job.ended for job in stage.jobs.all(HOME)))
    loop.ended.set()
    thread.join()


def test_a_stopped_run_keeps_its_work_and_ends_with_the_answer_of_an_uninterrupted_one(stage: Stage) -> None:
    job, loop = stage.submit("a", steps=40, hold=3), stage.loop()
    runs(stage, loop, job, step=3)
    stage.jobs.stop(HOME, job.id)
    stage.jobs.stop(HOME, job.id)
    stopped = ends(stage, loop, job)
    assert (stopped.state, stopped.reason_key) == (JobState.STOPPED, "jobs.stopped")
    assert list(stage.jobs.folder(job).checkpoints.iterdir())
    stage.jobs.resume(HOME, job.id)
    assert ends(stage, loop, job).state == JobState.DONE
    assert (result(stage, job), stage.job(job).attempt) == (answer(40), 2)


def test_a_run_that_does_not_hear_is_ended_with_all_it_started(stage: Stage) -> None:
    job, loop = stage.submit("a", odd="deaf"), stage.loop(grace=0.5)
    leader = runs(stage, loop, job, step=0)
    note = stage.jobs.folder(job).path / "helper.pid"
    until(lambda: note.exists() and note.read_text(), each=loop.beat)
    stage.jobs.stop(HOME, job.id)
    assert ends(stage, loop, job).state == JobState.STOPPED
    assert process.start_of(int(note.read_text())) is None
    assert not leader.same


def test_a_helper_left_behind_by_a_finished_run_is_ended(stage: Stage) -> None:
    job, loop = stage.submit("a", odd="helper"), stage.loop()
    assert ends(stage, loop, job).state == JobState.DONE
    helper = int((stage.jobs.folder(job).path / "helper.pid").read_text())
    until(lambda: process.start_of(helper) is None)


def test_a_process_that_does_not_leave_after_its_run_is_ended_before_the_next_one_starts(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.jobs.supervisor.loop.LINGER", 0.5)
    first, second, loop = stage.submit("a", odd="lingers"), stage.submit("b", pause=0), stage.loop()
    until(lambda: stage.job(first).ended, each=loop.beat)
    assert loop.running
    loop.start_due()
    assert stage.job(second).state == JobState.QUEUED
    assert ends(stage, loop, second).state == JobState.DONE
    assert stage.job(first).state == JobState.DONE


def test_a_killed_worker_is_replaced_and_the_answer_is_the_same(stage: Stage) -> None:
    job, loop = stage.submit("a", steps=40, hold=7), stage.loop()
    leader = runs(stage, loop, job, step=7)
    os.kill(leader.pid, signal.SIGKILL)
    assert ends(stage, loop, job).state == JobState.DONE
    assert (result(stage, job), stage.job(job).attempt, stage.job(job).losses) == (answer(40), 2, 1)


def test_a_run_that_always_dies_comes_to_rest(stage: Stage) -> None:
    job, loop = stage.submit("a", odd="killed"), stage.loop(losses=1)
    found = ends(stage, loop, job)
    assert (found.state, found.reason_key, found.attempt) == (JobState.INTERRUPTED, "jobs.lost_often", 2)


def test_death_for_lack_of_memory_is_told_from_other_deaths(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = iter([3, 4, 4, 4])
    monkeypatch.setattr(process, "memory_kills", lambda: next(counts))
    job, loop = stage.submit("a", odd="killed"), stage.loop(losses=0)
    found = ends(stage, loop, job)
    assert (found.memory_failures, found.losses, found.state) == (1, 1, JobState.INTERRUPTED)


def test_a_supervisor_adopts_the_runs_of_the_one_before_and_lets_them_finish(stage: Stage) -> None:
    job = stage.submit("a", steps=60, hold=3)
    leader = runs(stage, stage.loop(), job, step=3)
    after = stage.loop()
    after.beat()
    (stage.jobs.folder(job).path / "go").touch()
    until(lambda: stage.job(job).ended, each=after.beat)
    assert (stage.job(job).state, stage.job(job).attempt, result(stage, job)) == (JobState.DONE, 1, answer(60))
    assert not after.running
    assert leader.pid


def test_a_supervisor_settles_what_died_while_there_was_none(stage: Stage) -> None:
    job, before = stage.submit("a", steps=60, hold=7), stage.loop()
    leader = runs(stage, before, job, step=7)
    os.kill(leader.pid, signal.SIGKILL)
    next(iter(before.running.values())).child.popen.wait()
    after = stage.loop()
    assert ends(stage, after, job).state == JobState.DONE
    assert (stage.job(job).attempt, result(stage, job)) == (2, answer(60))


def test_a_run_without_its_folder_fails_with_a_sentence_and_does_not_block_the_queue(stage: Stage) -> None:
    lost, good, loop = stage.submit("lost"), stage.submit("good", pause=0), stage.loop()
    folder = stage.jobs.folder(lost)
    folder.request.unlink()
    folder.path.rmdir()
    assert ends(stage, loop, good).state == JobState.DONE
    assert (stage.job(lost).state, stage.job(lost).reason_key) == (JobState.FAILED, "jobs.no_folder")


def test_while_the_disk_is_nearly_full_nothing_starts(stage: Stage) -> None:
    job, loop, full = stage.submit("a"), stage.loop(), [SetupError("jobs.disk_low", free="1 MB", need="2 MB")]
    loop.blocked = lambda: full[0] if full else None
    loop.beat()
    assert stage.job(job).state == JobState.QUEUED
    full.clear()
    runs(stage, loop, job, step=0)
    assert ends(stage, loop, job).state == JobState.DONE


def test_a_ledger_held_by_another_program_costs_a_round_and_no_run(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "BUSY_SECONDS", 0.1)
    job = stage.submit("a", pause=0)
    held = Stage.at(stage.workspace.root)
    loop = held.loop()
    with stage.ledger.write():
        assert loop.beat()
        assert stage.job(job).state == JobState.QUEUED
    assert ends(held, loop, job).state == JobState.DONE


@pytest.mark.parametrize("point", ["before begin", "after begin", "before conclude", "after conclude"])
def test_a_worker_killed_at_any_step_of_its_own_loses_nothing(stage: Stage, point: str) -> None:
    job, loop = stage.submit("a", die_at=point, pause=0), stage.loop()
    assert ends(stage, loop, job).state == JobState.DONE
    assert result(stage, job) == answer(10)
    expected = {"before begin": 2, "after begin": 2, "before conclude": 1, "after conclude": 1}
    assert stage.job(job).attempt == expected[point]


def test_nothing_of_our_environment_but_the_listed_names_reaches_a_run() -> None:
    from backend.jobs.supervisor.start import environment

    given = {
        "PATH": "/bin",
        "HF_TOKEN": "t",
        "STUDIO_TOKEN": "secret",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "OMP_NUM_THREADS": "1",
    }
    seen = environment(given)
    assert {name for name in seen if name in given} == {"PATH", "HF_TOKEN", "OMP_NUM_THREADS"}
    assert "secret" not in seen.values()


def test_an_update_from_outside_of_the_table_is_not_overwritten_by_a_late_reap(stage: Stage) -> None:
    """The row was settled by the worker; the supervisor, which reaps it later with code 0, changes nothing."""
    job, loop = stage.submit("a", pause=0), stage.loop()
    until(lambda: stage.job(job).ended, each=lambda: loop.beat() if not loop.running else None)
    with stage.ledger.write() as rows:
        rows.execute(update(schema.jobs).values(note="kept"))
    until(lambda: not loop.running, each=loop.beat)
    assert (stage.job(job).state, stage.job(job).note) == (JobState.DONE, "kept")
