"""The job process, run in this one: it takes a folder, does the work, and writes down how it ended."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend import worker
from backend.jobs.claims import Claim
from backend.jobs.context import StopSignal
from backend.jobs.model import ExitCode, Job, JobState
from backend.jobs.upkeep import disk
from backend.people import HOME
from tests.faults import counter
from tests.faults.stage import Stage

RUNNERS = {"count": "tests.faults.counter"}


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    return Stage.at(tmp_path)


def claimed(stage: Stage, job: Job) -> Claim:
    claim = stage.claims.take(lambda first: first.id == job.id)
    assert claim is not None
    return claim


def work(stage: Stage, job: Job) -> int:
    return worker.work(stage.jobs.folder(job).path, RUNNERS, StopSignal())


def status(stage: Stage, job: Job) -> dict[str, object]:
    return stage.jobs.folder(job).read(stage.jobs.folder(job).status)


def test_every_runner_is_a_module_that_exists() -> None:
    assert all(Path(name.replace(".", "/") + ".py").exists() for name in worker.RUNNERS.values())


def test_a_job_is_done_and_its_row_its_status_and_its_result_say_so(stage: Stage) -> None:
    job = stage.submit("a", steps=12, pause=0)
    claimed(stage, job)
    assert work(stage, job) == ExitCode.DONE
    folder = stage.jobs.folder(job)
    assert stage.job(job).state == JobState.DONE
    assert (status(stage, job)["state"], status(stage, job)["exit_code"], status(stage, job)["step"]) == (
        "ended",
        0,
        12,
    )
    assert folder.read(folder.result) == {"answer": counter.answer(12)}


@pytest.mark.parametrize(
    ("odd", "code", "state", "reason"),
    [
        ("refuses", ExitCode.CANNOT_RUN, JobState.FAILED, "jobs.cannot_run"),
        ("bug", 1, JobState.FAILED, "jobs.program_error"),
        ("full", ExitCode.DISK_FULL, JobState.FAILED, "jobs.disk_full"),
        ("memory", ExitCode.OUT_OF_MEMORY, JobState.QUEUED, "jobs.memory_retry"),
    ],
)
def test_each_way_to_fail_has_its_code_and_its_sentence(
    stage: Stage, odd: str, code: int, state: JobState, reason: str
) -> None:
    job = stage.submit("a", odd=odd, failures=9)
    claimed(stage, job)
    assert work(stage, job) == code
    assert (stage.job(job).state, stage.job(job).reason_key) == (state, reason)


def test_a_bug_is_one_sentence_in_the_row_and_a_traceback_in_the_log(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    job = stage.submit("a", odd="bug")
    claimed(stage, job)
    work(stage, job)
    assert stage.job(job).reason_values == {"error": "ZeroDivisionError: step 3"}
    assert "Traceback" in capsys.readouterr().err
    assert [event.key for event in stage.jobs.folder(job).said()] == ["jobs.program_error"]


def test_a_full_disk_gets_the_reserve_for_its_last_words(stage: Stage) -> None:
    disk.reserve(stage.workspace).write_bytes(bytes(100))
    job = stage.submit("a", odd="full")
    claimed(stage, job)
    work(stage, job)
    assert not disk.reserve(stage.workspace).exists()
    assert status(stage, job)["exit_code"] == ExitCode.DISK_FULL


def test_a_second_worker_on_a_living_run_goes_away(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "LOCK_SECONDS", 0.1)
    job = stage.submit("a")
    claimed(stage, job)
    with stage.jobs.folder(job).lock().acquire():
        assert work(stage, job) == ExitCode.LOCK_HELD
    assert stage.job(job).state == JobState.STARTING


def test_a_worker_whose_claim_was_revoked_touches_nothing(stage: Stage) -> None:
    job = stage.submit("a")
    first = claimed(stage, job)
    folder = stage.jobs.folder(job)
    kept = folder.attempt.read_text()
    stage.claims.release(job.id, first.token)
    claimed(stage, job)
    folder.attempt.write_text(kept)  # it came late and still reads its own
    assert work(stage, job) == ExitCode.CLAIM_REVOKED
    assert stage.job(job).state == JobState.STARTING
    assert not folder.status.exists()


def test_a_run_asked_to_stop_before_it_began_does_not_begin(stage: Stage) -> None:
    job = stage.submit("a")
    claimed(stage, job)
    stage.jobs.stop(HOME, job.id)
    assert work(stage, job) == ExitCode.STOPPED
    assert stage.job(job).state == JobState.STOPPED
    assert list(stage.jobs.folder(job).said()) == []


def test_work_already_done_is_not_lost_when_the_ledger_is_busy_for_a_while(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first answers of the ledger are "busy"; the worker asks again."""
    from backend.errors import SetupError
    from backend.jobs.claims import Claims

    job = stage.submit("a", pause=0)
    claimed(stage, job)
    real, busy = Claims.conclude, [SetupError("ledger.busy")] * 3

    def conclude(*arguments: Any) -> Any:
        if busy:
            raise busy.pop()
        return real(*arguments)

    monkeypatch.setattr(Claims, "conclude", conclude)
    assert work(stage, job) == ExitCode.DONE
    assert stage.job(job).state == JobState.DONE


def test_a_job_sees_only_its_own_card(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    seen = {}
    for device in ("gpu:3", "cpu"):
        worker._see_only(device)
        seen[device] = os.environ["CUDA_VISIBLE_DEVICES"]
    assert seen == {"gpu:3": "3", "cpu": ""}


def test_no_secret_of_ours_is_in_the_run_folder_for_others_to_read(stage: Stage) -> None:
    job = stage.submit("a", pause=0)
    claimed(stage, job)
    work(stage, job)
    folder = stage.jobs.folder(job).path
    assert folder.stat().st_mode & 0o077 == 0
    token = json.loads((folder / "attempt.json").read_text())["token"]
    holding = [path.name for path in folder.rglob("*") if path.is_file() and token.encode() in path.read_bytes()]
    assert holding == ["attempt.json"]
    shutil.rmtree(folder)
