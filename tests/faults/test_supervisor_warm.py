"""The worker that has loaded everything before there is a run."""

import psutil
import pytest

from backend.jobs.model import JobState
from tests.faults.counter import answer
from tests.faults.stage import Stage, ends, result, until


@pytest.mark.parametrize("hurt", [False, True])
def test_a_warm_worker_becomes_the_job_and_a_dead_one_is_no_loss(stage: Stage, hurt: bool) -> None:
    loop = stage.loop()
    loop.warm.enabled = loop.warm.wanted = True
    loop.beat()
    warm = loop.warm.child
    assert warm is not None
    if hurt:
        warm.popen.kill()
        warm.popen.wait()
    job = stage.submit("a", steps=5)
    until(lambda: loop.running, each=loop.beat)
    taken = next(iter(loop.running.values())).child.popen.pid
    assert (taken == warm.popen.pid) is not hurt
    assert ends(stage, loop, job).state == JobState.DONE
    assert result(stage, job) == answer(5)
    loop.warm.end()


def test_a_warm_worker_writes_into_the_log_of_its_run(stage: Stage) -> None:
    loop = stage.loop()
    loop.warm.enabled = loop.warm.wanted = True
    loop.beat()
    job = stage.submit("a", odd="bug")
    assert ends(stage, loop, job).reason_key == "jobs.program_error"
    assert "ZeroDivisionError" in stage.jobs.folder(job).log.read_text()
    loop.warm.end()


def test_no_warm_worker_is_kept_when_memory_is_short_or_a_run_goes_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = stage.loop()
    loop.warm.enabled = loop.warm.wanted = True
    loop.warm.tend(0.0, busy=True)
    assert loop.warm.child is None
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 2**30}))
    loop.warm.tend(1.0, busy=False)
    assert loop.warm.child is None


def test_a_warm_worker_that_nobody_needs_gives_its_memory_back(stage: Stage) -> None:
    warm = stage.loop().warm
    warm.enabled = warm.wanted = True
    warm.tend(0.0, busy=False)
    child = warm.child
    assert child is not None
    warm.tend(1800.0, busy=False)
    assert warm.child is child
    warm.tend(1801.0, busy=False)
    warm.tend(4000.0, busy=False)
    assert warm.child is None
    assert child.popen.poll() is not None
