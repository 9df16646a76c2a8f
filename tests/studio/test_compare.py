"""Several runs side by side: tables and curves, and whose runs may be seen."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.chats.model import Choices, Conversation, Turn
from backend.jobs.model import JobState
from backend.people import Person
from backend.recipes.schema import Recipe
from benchmarks.living.staged import Course, stage, write
from studio.services.compare import MOST_RUNS
from studio.services.door import Services
from studio.text import Words
from studio.views.curves.compare import Metric, compared


def request(**changes: Any) -> dict[str, Any]:
    recipe = Recipe(title={"en": "A"}, about={}).model_dump(mode="json")
    for name, value in changes.items():
        part, _, leaf = name.partition("__")
        recipe[part] = recipe[part] | {leaf: value} if leaf else value
    return {"recipe": recipe, "model": {"name": "starter"}, "data": {"name": "chats"}}


@pytest.fixture
def services(tmp_path: Path) -> Services:
    made = Services.at(tmp_path)
    fast, slow = request(schedule__learning_rate=0.004), request(schedule__learning_rate=0.0005, method="full")
    write(stage(made.workspace, "fast", JobState.DONE, **fast).events, Course(steps=40, floor=0.5).whole())
    folder = stage(made.workspace, "slow", JobState.DONE, **slow)
    write(folder.events, Course(steps=40, floor=1.5, gpu=True).whole())
    folder.write(folder.result, {"eval_loss": 1.75, "train_loss": 1.5, "peak_memory_bytes": 6e9})
    return made


def seen(services: Services, metric: Metric = "loss", language: str = "en") -> dict[str, Any]:
    ids = [job.id for job in sorted(services.jobs.all(services.person), key=lambda job: job.name)]
    return compared(services.compare.of(ids), metric, Words(language))


def row(rows: list[dict[str, Any]], label: str) -> dict[str, Any]:
    return next(one for one in rows if one["label"] == label)


def test_a_run_has_in_the_chart_the_colour_that_it_has_in_the_chat(services: Services) -> None:
    jobs = {job.name: job.id for job in services.jobs.all(services.person)}
    both, alone = [jobs["slow"], jobs["fast"]], [jobs["slow"]]
    for runs in (both, both[::-1], alone):
        chart = {one["id"]: one["colour"] for one in compared(services.compare.of(runs), "loss", Words("en"))["runs"]}
        choices = Choices(base="starter", adapters=tuple(f"run:{run}" for run in runs))
        chat = Conversation(title="a", choices=choices, turns=(Turn(question="?", choices=choices),))
        assert services.chats.colours(chat) == {f"run:{run}": colour for run, colour in chart.items()}


def test_results_stand_side_by_side_and_the_lowest_held_out_loss_is_marked(services: Services) -> None:
    results = seen(services, language="ro")["results"]
    held_out = row(results, "Pierderea pe exemple nevăzute, la sfârșit")
    assert held_out["values"][1] == "1,75"
    assert held_out["best"] == [True, False]
    assert row(results, "Memoria maximă")["values"][1] == "6 GB"
    assert row(results, "Stare")["values"] == ["terminată", "terminată"]


def test_what_a_run_came_to_is_called_what_it_is_also_before_its_end(services: Services) -> None:
    words = Words("en")
    jobs = {job.name: job.id for job in services.jobs.all(services.person)}
    table = services.curves.of(services.folder(jobs["fast"])).steps.columns
    results = compared(services.compare.of([jobs["fast"], jobs["slow"]]), "loss", words)["results"]
    last = sum(table["loss"][-20:]) / 20
    assert row(results, words.t("compare.final_loss"))["values"] == [words.number(last, 3), "1.5"]
    speed = sum(table["speed"]) / len(table["speed"])
    assert row(results, words.t("compare.speed"))["values"][0] == words.number(speed)


def test_one_run_alone_is_not_the_best(services: Services) -> None:
    one = services.compare.of([services.jobs.all(services.person)[0].id])
    assert row(compared(one, "loss", Words("en"))["results"], "Loss on unseen examples, at the end")["best"] is None


def test_settings_say_what_differs_and_what_has_no_effect(services: Services) -> None:
    settings = seen(services, language="it")["settings"]
    assert row(settings, "Modello di base") == {"label": "Modello di base", "values": ["starter"] * 2, "same": True}
    rate = next(one for one in settings if one["values"] == ["0,004", "0,0005"])
    assert rate["same"] is False
    assert any(one["values"][1] == "–" and one["values"][0] != "–" for one in settings)


@pytest.mark.parametrize(
    ("metric", "columns"),
    [("loss", {"t", "step", "tokens", "value"}), ("eval", {"t", "step", "tokens", "value"}),
     ("memory", {"t", "step", "value"})],
)  # fmt: skip
def test_the_curve_of_one_metric_is_sent_with_what_it_can_stand_over(
    services: Services, metric: Metric, columns: set[str]
) -> None:
    curves = [run["curve"] for run in seen(services, metric)["runs"]]
    assert all(curve.keys() == columns for curve in curves)
    assert all(len(curve["value"]) == len(curve["t"]) > 1 for curve in curves)


def test_memory_on_a_card_is_what_is_reserved_there(services: Services) -> None:
    fast, slow = (max(run["curve"]["value"]) for run in seen(services, "memory")["runs"])
    assert slow == 5 * fast


def test_runs_of_somebody_else_and_runs_that_are_not_there_are_left_out(services: Services) -> None:
    ids = [job.id for job in services.jobs.all(services.person)]
    stranger = replace(services.compare, person=Person("stranger"))
    assert stranger.of([*ids, "../../etc"]) == []
    assert len(services.compare.of([*ids, *ids, "nothing"])) == 2
    assert len(services.compare.of(ids * 20)) <= MOST_RUNS
