"""What the supervisor does by the clock, and what it says of itself."""

import json
import os
import time
from pathlib import Path

import pynvml
import pytest

from backend.errors import SetupError
from backend.jobs.supervisor.house import House
from backend.jobs.supervisor.sampling import Sampler
from backend.jobs.supervisor.ticks import Ticks
from backend.jobs.upkeep import disk
from backend.jobs.upkeep.disk import DiskWatch
from backend.jobs.upkeep.schedules import Schedules
from backend.ledger import care
from backend.people import HOME
from backend.settings import Settings
from tests.faults.stage import Stage, until


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage.at(tmp_path)


def ticks(stage: Stage) -> Ticks:
    watch = DiskWatch(stage.workspace, floor=0, reserve_bytes=2**20)
    return Ticks(stage.ledger, stage.workspace, Schedules(stage.jobs), watch)


def test_once_a_day_the_ledger_is_copied_and_the_trash_emptied(stage: Stage) -> None:
    made = ticks(stage)
    (stage.workspace.trash / "left").mkdir(parents=True)
    made.upkeep()
    made.upkeep()
    assert len(care.backups(stage.workspace.ledger)) == 1
    assert not (stage.workspace.trash / "left").exists()
    newest = care.backups(stage.workspace.ledger)[0]
    os.utime(newest, (time.time() - 21 * 3600,) * 2)
    made.upkeep()
    assert len(care.backups(stage.workspace.ledger)) == 2


def test_the_ticks_run_at_once_and_again_after_the_clock_was_set_back(stage: Stage) -> None:
    """An hour back would leave every due time an hour in the future."""
    made = ticks(stage)
    made.start()
    try:
        reserve = disk.reserve(stage.workspace)
        until(reserve.exists)
        reserve.unlink()
        made.clock_jumped()
        until(reserve.exists)
    finally:
        made.stop()


def test_a_jump_of_the_clock_is_noticed_by_the_difference_of_two_clocks(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(stage.ledger, stage.workspace, Settings(), worker="x", engine="x")
    jumps: list[str] = []
    monkeypatch.setattr(house.ticks, "clock_jumped", lambda: jumps.append("jump"))
    house.look_around()
    assert jumps == []
    house._clocks = (house._clocks[0] + 3600, house._clocks[1])
    house.look_around()
    house.look_around()
    assert jumps == ["jump"]


def test_supervisor_json_says_why_nothing_starts(stage: Stage) -> None:
    house = House(stage.ledger, stage.workspace, Settings(), worker="x", engine="x")
    house.disk.blocked = SetupError("jobs.disk_low", free="1 MB", need="500 MB")
    house.look_around()
    told = stage.jobs.supervisor_status()["blocked"]
    assert told == {"key": "jobs.disk_low", "values": {"free": "1 MB", "need": "500 MB"}}
    house.disk.blocked = None
    house.look_around()
    assert stage.jobs.supervisor_status()["blocked"] is None


def test_a_page_that_is_usable_gets_a_warm_worker_and_an_old_wish_does_not(stage: Stage) -> None:
    stage.jobs.want_worker(HOME)
    house = House(stage.ledger, stage.workspace, Settings(), worker="x", engine="x")
    house.look_around()
    assert house.warm.wanted
    house.warm.wanted = False
    house.look_around()
    assert not house.warm.wanted


def test_a_card_that_fails_leaves_a_gap_and_the_file_stays_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([[{"index": 0}], pynvml.NVMLError(999), [], [{"index": 0}]])

    def read() -> list[dict[str, int]]:
        answer = next(answers, [{"index": 0}])
        if isinstance(answer, Exception):
            raise answer
        return answer

    sampler = Sampler(tmp_path / "hardware.jsonl", read, every=0.01)
    for _ in range(4):
        sampler.take()
    lines = [json.loads(line) for line in (tmp_path / "hardware.jsonl").read_text().splitlines()]
    assert [line["gpus"] for line in lines] == [[{"index": 0}]] * 2
    monkeypatch.setattr("backend.jobs.supervisor.sampling.MOST_BYTES", 1000)
    for _ in range(100):
        sampler.take()
    kept = (tmp_path / "hardware.jsonl").read_text()
    assert len(kept) <= 1000
    assert all(json.loads(line)["gpus"] for line in kept.splitlines())
    sampler.start()
    sampler.stop()
    assert not sampler._thread.is_alive()
