"""Claims: who may work on a run, and what becomes of it in each way an attempt can end."""

import time
from pathlib import Path

import pytest
from sqlalchemy import select, update

from backend.jobs.claims import Claims, Outcome
from backend.jobs.model import ExitCode, Job, JobState
from backend.jobs.process import Identity
from backend.ledger import schema
from backend.people import HOME
from tests.faults.stage import Stage

ME = Identity(1, "0", "no such boot")


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage.at(tmp_path)


def anything(job: Job) -> bool:
    return True


def ended(stage: Stage, job: Job, code: int | None, **reason: str) -> Job:
    """The job after one attempt that ended like this."""
    token = stage.begun(stage.job(job), ME)
    found = stage.claims.conclude(job.id, token, Outcome(code, reason.get("key")))
    assert found is not None
    return found


def attempts(stage: Stage, job: Job) -> list[tuple[int, str, int | None]]:
    wanted = select(schema.attempts.c["number", "state", "exit_code"]).where(schema.attempts.c.job_id == job.id)
    with stage.ledger.read() as rows:
        return [tuple(row) for row in rows.execute(wanted.order_by(schema.attempts.c.number))]


def test_one_run_at_a_time_on_each_device_in_the_order_of_the_queue(stage: Stage) -> None:
    for name, device in (("a", "cpu"), ("b", "cpu"), ("c", "gpu:0"), ("d", "gpu:1"), ("e", "gpu:0")):
        stage.submit(name, device=device)
    taken = []
    while (claim := stage.claims.take(anything)) is not None:
        taken.append(claim.job.name)
    assert taken == ["a", "c", "d"]


def test_a_run_on_several_cards_waits_for_all_of_them_and_is_not_passed_by(stage: Stage) -> None:
    first = stage.submit("first", device="gpu:1")
    token = stage.begun(first, ME)
    both = stage.submit("both", device="gpu:0,1")
    single = stage.submit("single", device="gpu:0")
    other = stage.submit("other", device="gpu:2")
    claim = stage.claims.take(anything)
    assert claim is not None
    assert claim.job.id == other.id
    assert stage.claims.take(anything) is None
    stage.claims.conclude(first.id, token, Outcome(ExitCode.DONE))
    claim = stage.claims.take(anything)
    assert claim is not None
    assert (claim.job.id, claim.job.device) == (both.id, "gpu:0,1")
    assert stage.claims.take(anything) is None
    assert stage.job(single).state == JobState.QUEUED


def test_a_run_for_later_waits_and_does_not_hold_up_the_queue(stage: Stage) -> None:
    later = stage.submit("later", start_at=time.time() + 3600)
    assert not stage.claims.waiting(time.time())
    now = stage.submit("now")
    claim = stage.claims.take(anything)
    assert claim is not None
    assert claim.job.id == now.id
    stage.claims.begin(now.id, claim.token, ME)
    stage.claims.conclude(now.id, claim.token, Outcome(ExitCode.DONE))
    assert stage.claims.take(anything) is None
    with stage.ledger.write() as rows:
        rows.execute(update(schema.jobs).values(start_at=time.time() - 1))
    claim = stage.claims.take(anything)
    assert claim is not None
    assert claim.job.id == later.id


def test_the_token_is_on_the_disk_readable_only_by_its_owner(stage: Stage) -> None:
    job = stage.submit("a")
    claim = stage.claims.take(anything)
    assert claim is not None
    folder = stage.jobs.folder(job)
    assert folder.read(folder.attempt)["token"] == claim.token
    assert folder.attempt.stat().st_mode & 0o077 == 0


def test_a_revoked_claim_can_neither_begin_nor_conclude(stage: Stage) -> None:
    job = stage.submit("a")
    first = stage.claims.take(anything)
    assert first is not None
    assert stage.claims.release(job.id, first.token)
    second = stage.claims.take(anything)
    assert second is not None
    assert stage.claims.begin(job.id, first.token, ME) is None
    assert stage.claims.conclude(job.id, first.token, Outcome(ExitCode.DONE)) is None
    assert stage.claims.begin(job.id, second.token, ME) is not None
    assert not stage.claims.release(job.id, second.token)
    assert attempts(stage, job) == [(1, "interrupted", None), (2, "running", None)]


def test_a_worker_that_ended_well_without_having_begun_did_not_do_the_run(stage: Stage) -> None:
    job = stage.submit("a")
    claim = stage.claims.take(anything)
    assert claim is not None
    stage.claims.conclude(job.id, claim.token, Outcome(ExitCode.DONE))
    assert stage.job(job).state == JobState.QUEUED


def test_settling_twice_changes_nothing(stage: Stage) -> None:
    """The worker settles; the supervisor, which saw it killed on its way out, tries the same."""
    job = stage.submit("a")
    token = stage.begun(job, ME)
    assert stage.claims.conclude(job.id, token, Outcome(ExitCode.DONE)) is not None
    assert stage.claims.conclude(job.id, token, Outcome(-9)) is None
    assert stage.job(job).state == JobState.DONE


@pytest.mark.parametrize(
    ("code", "state", "reason"),
    [
        (ExitCode.DONE, JobState.DONE, None),
        (ExitCode.STOPPED, JobState.STOPPED, "jobs.stopped"),
        (ExitCode.CANNOT_RUN, JobState.FAILED, "jobs.cannot_run"),
        (ExitCode.DIVERGED, JobState.FAILED, "jobs.diverged"),
        (ExitCode.DISK_FULL, JobState.FAILED, "jobs.disk_full"),
        (1, JobState.FAILED, "jobs.crashed"),
        (ExitCode.OUT_OF_MEMORY, JobState.QUEUED, "jobs.memory_retry"),
        (-9, JobState.QUEUED, "jobs.lost"),
        (None, JobState.QUEUED, "jobs.lost"),
    ],
)
def test_an_exit_code_decides_what_becomes_of_the_run(
    stage: Stage, code: int | None, state: JobState, reason: str | None
) -> None:
    found = ended(stage, stage.submit("a"), code)
    assert (found.state, found.reason_key) == (state, reason)


def test_out_of_memory_is_tried_three_times_with_less_and_then_fails(stage: Stage) -> None:
    job = stage.submit("a")
    seen = []
    for _ in range(4):
        found = ended(stage, job, ExitCode.OUT_OF_MEMORY)
        told = stage.jobs.folder(job).read(stage.jobs.folder(job).attempt)
        seen.append((told["memory_failures"], found.state.value))
    assert seen == [(0, "queued"), (1, "queued"), (2, "queued"), (3, "failed")]
    assert [state for _, state, _ in attempts(stage, job)] == ["interrupted"] * 3 + ["failed"]


def test_a_run_that_loses_its_process_without_progress_rests_after_the_third_restart(stage: Stage) -> None:
    job = stage.submit("a")
    assert [ended(stage, job, -9).state.value for _ in range(4)] == ["queued"] * 3 + ["interrupted"]
    resting = stage.job(job)
    assert (resting.reason_key, resting.reason_values, resting.resumable) == ("jobs.lost_often", {"losses": 4}, True)


def test_a_new_checkpoint_clears_the_count_of_losses(stage: Stage) -> None:
    """A laptop that is switched off every night may train for a month."""
    job = stage.submit("a")
    folder = stage.jobs.folder(job)
    folder.checkpoints.mkdir()
    for number in range(8):
        token = stage.begun(stage.job(job), ME)
        (folder.checkpoints / str(number)).touch()
        stage.claims.conclude(job.id, token, Outcome(None))
    assert (stage.job(job).state, stage.job(job).losses) == (JobState.QUEUED, 1)


def test_losses_and_memory_failures_are_counted_apart(stage: Stage) -> None:
    job = stage.submit("a")
    for code in (-9, ExitCode.OUT_OF_MEMORY, -9, ExitCode.OUT_OF_MEMORY, -9, ExitCode.OUT_OF_MEMORY):
        assert ended(stage, job, code).state == JobState.QUEUED
    assert (stage.job(job).losses, stage.job(job).memory_failures) == (3, 3)


@pytest.mark.parametrize("code", [None, -9, -15, ExitCode.OUT_OF_MEMORY, ExitCode.STOPPED])
def test_a_run_that_was_asked_to_stop_is_stopped_however_it_went_down(stage: Stage, code: int | None) -> None:
    job = stage.submit("a")
    token = stage.begun(job, ME)
    stage.jobs.stop(HOME, job.id)
    found = stage.claims.conclude(job.id, token, Outcome(code))
    assert found is not None
    assert found.state == JobState.STOPPED


def test_a_run_that_finished_before_it_heard_the_stop_is_done(stage: Stage) -> None:
    job = stage.submit("a")
    token = stage.begun(job, ME)
    stage.jobs.stop(HOME, job.id)
    found = stage.claims.conclude(job.id, token, Outcome(ExitCode.DONE))
    assert found is not None
    assert found.state == JobState.DONE


def test_a_run_put_back_keeps_its_place_before_later_ones(stage: Stage) -> None:
    a, b = stage.submit("a"), stage.submit("b")
    ended(stage, a, -9)
    claim = stage.claims.take(anything)
    assert claim is not None
    assert claim.job.id == a.id
    assert b.id != a.id


def test_a_remark_is_written_only_on_a_running_run(stage: Stage) -> None:
    job = stage.submit("a")
    stage.claims.say(job.id, "jobs.stalled", minutes=10)
    assert stage.job(job).reason_key is None
    stage.begun(job, ME)
    stage.claims.say(job.id, "jobs.stalled", minutes=10)
    assert (stage.job(job).reason_key, stage.job(job).reason_values) == ("jobs.stalled", {"minutes": 10})
    stage.claims.say(job.id, None)
    assert stage.job(job).reason_key is None


def test_what_is_held_is_told_with_its_process(stage: Stage) -> None:
    job = stage.submit("a")
    token = stage.begun(job, ME)
    held = Claims(stage.ledger, stage.workspace).held()
    assert [(claim.job.id, claim.token, claim.process) for claim in held] == [(job.id, token, ME)]
