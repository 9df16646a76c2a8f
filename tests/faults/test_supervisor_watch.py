"""What the supervisor sees of a run: dead, silent, too loud, or somebody else's process with its number."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import pytest

from backend.jobs.model import JobState
from backend.jobs.process import Identity
from backend.jobs.supervisor import watch
from backend.people import HOME
from tests.faults.stage import Stage, ends


@pytest.fixture
def innocent() -> Iterator[Identity]:
    """A process of somebody else, a session leader as ours are."""
    sleeping = subprocess.Popen(["sleep", "60"], start_new_session=True)
    who = Identity.of(sleeping.pid)
    assert who is not None
    yield who
    sleeping.kill()
    sleeping.wait()


@pytest.mark.parametrize("forged", ["start", "boot"])
@pytest.mark.parametrize("stopping", [False, True])
def test_an_innocent_process_with_the_recorded_pid_is_never_touched(
    stage: Stage, innocent: Identity, forged: str, stopping: bool
) -> None:
    job, loop = stage.submit("a"), stage.loop(grace=0.0)
    stage.begun(job, replace(innocent, start="1") if forged == "start" else replace(innocent, boot="another boot"))
    if stopping:
        stage.jobs.stop(HOME, job.id)
    with stage.jobs.folder(job).lock().acquire():
        for now in (0.0, 1.0, 20.0, 40.0):
            loop.watch.look(now, {})
    loop.watch.look(60.0, {})
    assert innocent.same
    assert stage.job(job).state == (JobState.STOPPED if stopping else JobState.QUEUED)
    if not stopping:
        reason = "jobs.machine_restarted" if forged == "boot" else "jobs.lost"
        assert stage.job(job).reason_key == reason


def test_a_claim_that_nobody_takes_up_goes_back_to_the_queue(stage: Stage) -> None:
    job, loop = stage.submit("a"), stage.loop(starting=5.0)
    assert stage.claims.take(lambda first: True) is not None
    loop.watch.look(100.0, {})
    loop.watch.look(104.0, {})
    assert stage.job(job).state == JobState.STARTING
    loop.watch.look(105.0, {})
    assert stage.job(job).state == JobState.QUEUED


def test_a_silent_run_is_called_stalled_and_nothing_is_done_to_it(stage: Stage) -> None:
    job, loop = stage.submit("a"), stage.loop(stall=600.0)
    stage.begun(job, Identity(os.getpid(), "1", "x"))
    with stage.jobs.folder(job).lock().acquire():
        for now in (0.0, 599.0):
            loop.watch.look(now, {})
            assert stage.job(job).reason_key is None
        loop.watch.look(600.0, {})
        assert (stage.job(job).reason_key, stage.job(job).reason_values) == ("jobs.stalled", {"minutes": 10})
        stage.jobs.folder(job).events.write_text("")
        loop.watch.look(601.0, {})
        assert (stage.job(job).reason_key, stage.job(job).state) == (None, JobState.RUNNING)


def test_a_suspended_laptop_is_not_a_stalled_run(stage: Stage) -> None:
    job, loop = stage.submit("a"), stage.loop(stall=600.0)
    stage.begun(job, Identity(os.getpid(), "1", "x"))
    with stage.jobs.folder(job).lock().acquire():
        loop.beat()
        loop._last -= 8 * 3600  # as if eight hours had passed since the last round, on a clock that counts sleep
        loop.beat()
    assert loop.awake < 60
    assert stage.job(job).reason_key is None


def test_a_log_storm_is_cut_and_the_run_does_not_notice(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LOG_BYTES", 8 * 2**20)
    monkeypatch.setattr(watch, "LOG_KEPT", 2**20)
    job, loop = stage.submit("a", odd="storm", megabytes=30), stage.loop()
    assert ends(stage, loop, job).state == JobState.DONE
    log = stage.jobs.folder(job).log
    assert log.stat().st_size <= 8 * 2**20
    assert log.read_bytes().startswith(b"[the older part of this log was removed")
