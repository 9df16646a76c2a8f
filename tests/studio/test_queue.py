"""When a waiting run will start."""

from dataclasses import replace
from itertools import repeat
from typing import Any

import pytest

from backend.jobs.events import Attempt, Phase, Step
from backend.jobs.model import Job, JobState
from studio.text import Words
from studio.views.queue import Going, Place, going, in_queue, places
from studio.views.runs import run_line
from tests.fakes import job
from tests.studio.test_views import folded, step

NOW = 1_000_000.0
RUNNING = job(1, "a", JobState.RUNNING)


def queued(number: int, **values: Any) -> Job:
    return replace(job(number, f"run{number}", JobState.QUEUED), **values)


def starts(*jobs: Job, left: dict[str, float | None] | None = None, unknown: str = "") -> dict[str, float | None]:
    active = {run: Going(seconds) for run, seconds in (left or {}).items()}
    found = places(jobs, active, lambda one: None if one.id == unknown else 100.0, NOW)
    return {run: place.start and place.start - NOW for run, place in found.items()}


def test_each_waits_for_what_is_before_it() -> None:
    running = RUNNING
    assert starts(queued(3), running, queued(2), left={"run1": 40.0}) == {"run2": 40.0, "run3": 140.0}
    assert starts(queued(2)) == {"run2": 0.0}


def test_positions_count_from_one_in_the_order_of_the_queue() -> None:
    found = places([queued(2, position=9.0), queued(3, position=4.0)], {}, lambda one: None, NOW)
    assert {run: place.position for run, place in found.items()} == {"run3": 1, "run2": 2}


def test_after_a_run_of_unknown_length_only_the_earliest_start_is_known() -> None:
    three = [queued(1), queued(2), queued(3)]
    found = places(three, {}, lambda one: None if one.id == "run2" else 100.0, NOW)
    assert found["run2"] == Place(2, NOW + 100, sure=True)
    assert found["run3"] == Place(3, NOW + 100, sure=False)
    assert starts(job(1, "a", JobState.STARTING), queued(2), left={"run1": None}) == {"run2": None}
    assert places([job(1, "a", JobState.STARTING), queued(2)], {}, lambda one: 100.0, NOW)["run2"].sure is False


def test_one_that_may_not_start_yet_lets_the_others_pass() -> None:
    later, soon = queued(1, start_at=NOW + 500), queued(2)
    assert starts(later, soon) == {"run1": 500.0, "run2": 0.0}
    assert starts(queued(1, start_at=NOW + 50), soon) == {"run1": 100.0, "run2": 0.0}


def test_every_device_has_a_queue_of_its_own() -> None:
    card = queued(3, device="gpu:0")
    assert starts(RUNNING, queued(2), card, left={"run1": 70.0}) == {"run2": 70.0, "run3": 0.0}


def test_a_run_on_several_cards_begins_when_the_last_of_them_is_free() -> None:
    one, other = (replace(job(n, f"on{n}", JobState.RUNNING), device=f"gpu:{n}") for n in (0, 1))
    both, after = queued(2, device="gpu:0,1"), queued(3, device="gpu:1")
    found = places([one, other, both, after], {"run0": Going(70.0), "run1": Going(30.0)}, lambda _: 100.0, NOW)
    assert found["run2"] == Place(1, NOW + 70, sure=False)
    assert starts(replace(one, device="gpu:0,1"), after, queued(4, device="gpu:0"), left={"run0": 50.0}) == {
        "run3": 50.0,
        "run4": 50.0,
    }
    assert starts(both, after) == {"run2": 0.0, "run3": 100.0}


def at(t: float, number: int, eta: float) -> Step:
    """Said `t` seconds into a run that began at NOW, of 100 steps."""
    said = step(number).model_dump() | {"t": t, "at": NOW + t, "total": 100, "eta_seconds": eta}
    return Step.model_validate(said)


BEGINNING = (
    Attempt(number=1), Phase(t=0, name="loading"), Phase(t=20, name="evaluating"), Phase(t=25, name="answering"),
    Phase(t=30, name="training"),
)  # fmt: skip


def test_before_its_first_step_a_running_run_needs_its_forecast() -> None:
    both = [RUNNING, queued(2)]
    assert in_queue(both, {}, lambda one: 1000.0, lambda: NOW)["run2"].start == NOW + 1000
    assert in_queue(both[:1], {}, lambda one: 1000.0) == {}


def test_a_running_run_needs_what_it_says_less_what_has_passed_and_its_last_questions() -> None:
    curves = folded(*BEGINNING, at(40, 10, eta=90))
    assert going(RUNNING, curves, None, NOW + 40).left == 90 + 10
    assert going(RUNNING, curves, None, NOW + 45).left == 85 + 10
    asks = folded(*BEGINNING, at(130, 100, eta=0), Phase(t=130, name="evaluating"))
    assert going(RUNNING, asks, None, NOW + 134).left == 6
    assert going(RUNNING, asks, None, NOW + 500).left == 0


def test_behind_a_run_that_is_slower_than_forecast_the_others_are_expected_to_be_slower_too() -> None:
    three = [RUNNING, queued(2), queued(3)]
    curves = folded(*BEGINNING, at(40, 10, eta=90))
    found = in_queue(three, {"run1": curves}, lambda one: 70.0, lambda: NOW + 40)
    assert found["run2"].start == NOW + 140
    assert found["run3"].start == NOW + 140 + 140
    quicker = in_queue(three, {"run1": curves}, lambda one: 1400.0, lambda: NOW + 40)
    assert quicker["run3"].start == NOW + 140 + 1400


def test_a_resumed_run_loads_again_before_it_goes_on() -> None:
    curves = folded(*BEGINNING, at(40, 10, eta=90), Attempt(t=40, number=2, from_step=10))
    assert going(RUNNING, curves, 70.0, NOW + 1000) == Going(90 + 30 + 10)
    silent = folded(*BEGINNING, at(40, 10, eta=90))
    assert going(replace(RUNNING, attempt=2), silent, 70.0, NOW + 1000) == Going(90 + 30 + 10)


@pytest.mark.parametrize("passed", [0, 30, 100, 10_000])
def test_no_start_is_in_the_past(passed: float) -> None:
    both = [RUNNING, queued(2, start_at=NOW - 60)]
    for known in ({}, {"run1": folded(*BEGINNING, at(40, 10, eta=90))}):
        now = NOW + 40 + passed
        place = in_queue(both, known, lambda one: 70.0, repeat(now).__next__)["run2"]
        line = run_line(both[1], None, Words("en"), place)
        assert line["starts"] >= now


def test_a_line_tells_the_start_to_the_minute_and_not_too_early() -> None:
    line = run_line(queued(1), None, Words("en"), Place(1, 1_000_031.0, sure=False))
    assert (line["position"], line["starts"], line["sure"], line["detail"]) == (1, 1_000_080.0, False, "")
