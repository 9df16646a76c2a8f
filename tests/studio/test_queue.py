"""When a waiting run will start."""

from dataclasses import replace
from typing import Any

from backend.jobs.model import Job, JobState
from studio.text import Words
from studio.views.queue import Place, in_queue, places
from studio.views.runs import run_line
from tests.fakes import job
from tests.studio.test_views import folded, step

NOW = 1_000_000.0


def queued(number: int, **values: Any) -> Job:
    return replace(job(number, f"run{number}", JobState.QUEUED), **values)


def starts(*jobs: Job, left: dict[str, float | None] | None = None, unknown: str = "") -> dict[str, float | None]:
    found = places(jobs, left or {}, lambda one: None if one.id == unknown else 100.0, NOW)
    return {run: place.start and place.start - NOW for run, place in found.items()}


def test_each_waits_for_what_is_before_it() -> None:
    running = job(1, "a", JobState.RUNNING)
    assert starts(queued(3), running, queued(2), left={"run1": 40.0}) == {"run2": 40.0, "run3": 140.0}
    assert starts(queued(2)) == {"run2": 0.0}


def test_positions_count_from_one_in_the_order_of_the_queue() -> None:
    found = places([queued(2, position=9.0), queued(3, position=4.0)], {}, lambda one: None, NOW)
    assert {run: place.position for run, place in found.items()} == {"run3": 1, "run2": 2}


def test_after_a_run_of_unknown_length_nothing_is_known() -> None:
    assert starts(queued(1), queued(2), queued(3), unknown="run2") == {"run1": 0.0, "run2": 100.0, "run3": None}
    assert starts(job(1, "a", JobState.STARTING), queued(2), left={"run1": None}) == {"run2": None}


def test_one_that_may_not_start_yet_lets_the_others_pass() -> None:
    later, soon = queued(1, start_at=NOW + 500), queued(2)
    assert starts(later, soon) == {"run1": 500.0, "run2": 0.0}
    assert starts(queued(1, start_at=NOW + 50), soon) == {"run1": 100.0, "run2": 0.0}


def test_every_device_has_a_queue_of_its_own() -> None:
    card = queued(3, device="gpu:0")
    assert starts(job(1, "a", JobState.RUNNING), queued(2), card, left={"run1": 70.0}) == {"run2": 70.0, "run3": 0.0}


def test_what_a_running_run_needs_is_what_it_says_and_before_its_first_step_its_forecast() -> None:
    both = [job(1, "a", JobState.RUNNING), queued(2)]
    said = in_queue(both, {"run1": folded(step(1))}, lambda one: 1000.0)["run2"].start
    forecast = in_queue(both, {}, lambda one: 1000.0)["run2"].start
    assert said is not None
    assert forecast is not None
    assert 930 < forecast - said < 940
    assert in_queue(both[:1], {}, lambda one: 1000.0) == {}


def test_a_line_tells_the_start_to_the_minute() -> None:
    line = run_line(queued(1), None, Words("en"), Place(1, 1_000_031.0))
    assert (line["position"], line["starts"], line["detail"]) == (1, 1_000_020.0, "")
