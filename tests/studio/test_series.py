"""Events folded into curves that stay short, and what the charts are sent of them."""

import json
import math
import random

import pytest

from backend.jobs.events import Attempt, Evaluation, Memory, Phase, Rewards, Sample
from studio.views.curves import charts
from studio.views.curves.series import MOST_PAGES, MOST_PHASES, Curves
from studio.views.curves.thinned import Fold, Thinned
from tests.studio.test_views import folded, step

FOLDS: dict[str, Fold] = {"x": "last", "mean": "mean", "low": "lowest", "high": "highest"}


def thinned(values: list[float], most: int = 2000) -> Thinned:
    table = Thinned(FOLDS, most)
    for x, value in enumerate(values):
        table.append(x, value, value, value)
    return table


def follow(page: dict[str, list[float]], told: dict[str, list[float]] | None) -> dict[str, list[float]]:
    """What the page's script does with an update."""
    if told is None:
        return page
    start = told["from"]
    return {name: page.get(name, [])[:start] + told[name] for name in told if name != "from"}


def test_events_become_curves() -> None:
    curves = folded(Phase(name="training"), step(1, 3.0), step(2, None), Evaluation(t=2, step=2, loss=2.5),
                    Memory(t=2, process=10, card=30), Sample(step=2, index=0, question="q", answer="a"))  # fmt: skip
    said = charts.whole(curves, 50)
    assert said["steps"]["step"] == [1, 2]
    assert said["steps"]["loss"] == [3, None]
    assert said["steps"]["speed"] == [2410, 2410]
    assert said["eval"] == {"from": 0, "t": [2], "step": [2], "loss": [2.5]}
    assert said["memory"]["card"] == [30]
    assert said["memory"]["allocated"] == [None]
    assert (said["total"], said["forecast"], said["phases"]) == (400, 50, [(0.0, "training")])
    assert curves.peak_memory == 30
    assert "NaN" not in json.dumps(said)


def test_what_an_interrupted_attempt_said_about_repeated_steps_is_not_drawn_twice() -> None:
    repeated = step(3, 99.0), Evaluation(step=3, loss=99.0), Sample(step=3, index=0, question="q", answer="wrong")
    curves = folded(step(1), step(2), *repeated, Attempt(number=2, from_step=2, t=5), step(3, 1.5, t=6))
    said = charts.whole(curves, None)
    assert said["steps"]["step"] == [1, 2, 3]
    assert said["steps"]["loss"] == [1, 1, 1.5]
    assert said["eval"]["loss"] == []
    assert charts.answers(curves)["pages"] == []
    assert said["resumed"] == [(5, 2)]


def test_rewards_have_tables_of_their_own_which_are_empty_where_nothing_is_preferred() -> None:
    def told(chosen: float) -> Rewards:
        return Rewards(chosen=chosen, rejected=-chosen, accuracy=0.75)

    steps = [step(at, t=at).model_copy(update={"rewards": told(at / 10)}) for at in (1, 2)]
    curves = folded(steps[0], Evaluation(t=1, step=1, loss=0.6, rewards=told(0.2)), steps[1])
    said = charts.whole(curves, None)
    assert said["rewards"] == {
        "from": 0, "t": [1, 2], "step": [1, 2], "chosen": [0.1, 0.2], "rejected": [-0.1, -0.2], "accuracy": [0.75] * 2,
    }  # fmt: skip
    assert (said["apart"]["step"], said["apart"]["chosen"]) == ([1], [0.2])
    curves.fold(Attempt(number=2, from_step=1, t=5))
    assert charts.whole(curves, None)["rewards"]["step"] == [1]
    assert charts.whole(folded(step(1)), None)["rewards"]["step"] == []


def test_a_first_attempt_is_no_resumption() -> None:
    assert folded(Attempt(number=1), step(1)).resumed == []


def test_a_table_never_grows_beyond_its_bound_and_keeps_every_spike_and_the_order() -> None:
    values = [math.sin(n / 50) for n in range(100_000)]
    values[70_123] = 50.0
    table = thinned(values)
    assert 1000 <= len(table) <= 2000
    assert max(table.columns["high"]) == 50.0
    assert table.columns["low"][0] == min(values[: table.width])
    assert list(table.columns["x"]) == sorted(table.columns["x"])
    assert table.columns["x"][-1] == 99_999
    assert table.columns["mean"][0] == pytest.approx(sum(values[: table.width]) / table.width)


def test_a_page_that_follows_the_updates_has_what_a_page_that_comes_later_gets() -> None:
    chance = random.Random(4)
    table, page, at = Thinned(FOLDS, 64), {}, 0
    for _ in range(400):
        for _ in range(chance.randrange(0, 9)):
            at += 1
            table.append(at, *([None if chance.random() < 0.1 else chance.random()] * 3))
        if chance.random() < 0.05:
            at = max(0, at - 20)
            table.cut("x", at)
        if chance.random() < 0.7:
            page = follow(page, table.since())
    page = follow(page, table.since())
    whole = table.whole()
    assert whole.pop("from") == 0
    assert page == whole
    assert table.since() is None


def test_updates_of_a_long_run_are_short() -> None:
    table = thinned([1.0] * 50_000)
    table.since()
    table.append(50_000, 1.0, 1.0, 1.0)
    told = table.since()
    assert told is not None
    assert len(told["x"]) == 1


def test_phases_and_pages_of_a_very_long_run_stay_few_and_keep_the_first_and_the_newest() -> None:
    curves = Curves()
    for number in range(3000):
        curves.fold(Phase(t=number * 10.0, name="training"))
        curves.fold(Phase(t=number * 10.0 + 9, name="answering"))
        curves.fold(Sample(t=number * 10.0 + 9, step=number, index=0, question="q", answer=str(number)))
    assert len(curves.phases) <= MOST_PHASES
    assert curves.phases[0] == (0.0, "training")
    assert len(curves.answers) <= MOST_PAGES
    assert min(curves.answers) == 0
    assert max(curves.answers) == 2999


def test_only_new_pages_of_answers_are_told() -> None:
    curves = folded(Sample(step=0, index=0, question="q", answer="a", expected="b"))
    first = charts.new_answers(curves)
    assert first is not None
    assert charts.new_answers(curves) is None
    curves.fold(Sample(step=20, index=0, question="q", answer=" b ", expected="b"))
    assert charts.new_answers(curves) == {
        "reset": False,
        "questions": [{"question": "q", "expected": "b", "pictures": []}],
        "pages": [{"step": 20, "answers": [{"text": " b ", "right": True}]}],
    }
    curves.fold(Attempt(number=2, from_step=0))
    told = charts.new_answers(curves)
    assert told is not None
    assert (told["reset"], [page["step"] for page in told["pages"]]) == (True, [0])


def test_a_question_about_pictures_names_them() -> None:
    said = charts.answers(folded(Sample(step=0, index=0, question="q", answer="a", pictures=("pictures/a.png",))))
    assert said["questions"] == [{"question": "q", "expected": "", "pictures": ["pictures/a.png"]}]


def test_a_question_without_an_expected_answer_is_neither_right_nor_wrong() -> None:
    page = charts.answers(folded(Sample(step=0, index=1, question="q", answer="a")))["pages"][0]
    assert page["answers"] == [{"text": "a", "right": None}]


def test_phases_are_told_only_when_there_is_a_new_one() -> None:
    curves = folded(Phase(name="training"), step(1))
    assert "phases" in (charts.since(curves, None) or {})
    curves.fold(step(2))
    told = charts.since(curves, None)
    assert told is not None
    assert "phases" not in told
    assert charts.since(curves, None) is None
