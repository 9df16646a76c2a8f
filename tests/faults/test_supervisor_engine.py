"""The supervisor keeps the chat engine: on a wish, through a crash, out of the way of a job, and not for ever."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from backend.jobs.supervisor.engine import EngineKeeper
from backend.ledger import schema
from backend.people import HOME
from tests.faults.stage import Stage, until


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage.at(tmp_path)


@pytest.fixture
def keeper(stage: Stage) -> Iterator[EngineKeeper]:
    made = EngineKeeper(stage.ledger, stage.workspace, "tests.faults.fake_engine")
    yield made
    made.end()


def ready(stage: Stage, keeper: EngineKeeper, now: float = 0.0) -> None:
    """Somebody wants to chat, and the engine has come up."""
    stage.jobs.want_engine(HOME)
    keeper.tend(now)
    until(stage.workspace.engine_address.exists)


def asked(stage: Stage) -> list[str]:
    path = stage.workspace.root / "asked"
    return path.read_text().splitlines() if path.exists() else []


def test_there_is_no_engine_until_somebody_wants_to_chat(stage: Stage, keeper: EngineKeeper) -> None:
    keeper.tend(0.0)
    assert keeper.child is None
    ready(stage, keeper)
    assert keeper.child is not None


def test_an_engine_that_died_comes_back_and_one_that_cannot_start_is_tried_ever_more_rarely(
    stage: Stage, keeper: EngineKeeper
) -> None:
    (stage.workspace.root / "broken").touch()
    stage.jobs.want_engine(HOME)
    starts = []
    for second in range(100):
        keeper.tend(float(second))
        if keeper.child is not None:
            starts.append(second)
            keeper.child.popen.wait()
    assert starts == [0, 2, 7, 23, 84]
    (stage.workspace.root / "broken").unlink()
    keeper.tend(200.0)
    until(stage.workspace.engine_address.exists)


def test_an_engine_that_is_not_there_has_left_and_one_that_answers_leaves_only_by_force(
    stage: Stage, keeper: EngineKeeper
) -> None:
    assert keeper.holds() == 0
    assert keeper.unload(force=False)
    ready(stage, keeper)
    assert keeper.holds() == 1_200_000_000
    (stage.workspace.root / "busy").touch()
    assert not keeper.unload(force=False)
    assert keeper.holds() == 1_200_000_000
    assert keeper.unload(force=True)
    assert keeper.holds() == 0
    assert asked(stage) == ["/unload Bearer t0", "/unload?force=1 Bearer t0"]


def test_a_new_supervisor_keeps_the_engine_of_the_one_before_and_can_end_it(stage: Stage, keeper: EngineKeeper) -> None:
    ready(stage, keeper)
    after = EngineKeeper(stage.ledger, stage.workspace, "tests.faults.fake_engine")
    after.tend(0.0)
    assert after.child is None
    assert after.adopted is not None
    assert keeper.child is not None
    assert after.adopted.pid == keeper.child.popen.pid
    after.end()
    assert keeper.child.popen.wait(timeout=60) != 0


def test_half_an_hour_after_the_last_wish_the_engine_is_ended(stage: Stage, keeper: EngineKeeper) -> None:
    ready(stage, keeper)
    child = keeper.child
    keeper.tend(1.0)
    assert keeper.child is child is not None
    with stage.ledger.write() as rows:
        rows.execute(update(schema.wishes).values(wished_at=time.time() - 1801))
    keeper.tend(2.0)
    assert keeper.child is None
    assert child.popen.poll() is not None
