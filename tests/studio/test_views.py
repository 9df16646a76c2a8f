import shlex
from dataclasses import replace

import pytest

from backend.jobs.events import Attempt, Checkpoint, Note, Phase, Step
from backend.jobs.model import JobState
from studio.text import Words
from studio.views import details, runs
from studio.views.curves.series import Curves
from studio.views.html import element, join
from studio.views.train import command, forecast_card, memory_bar
from tests.fakes import FakeServices, job


def step(number: int, loss: float | None = 1.0, t: float | None = None) -> Step:
    when = float(number) if t is None else t
    return Step(t=when, step=number, total=400, loss=loss, learning_rate=1e-3, grad_norm=1.0, tokens=number * 10,
                tokens_per_second=2410, eta_seconds=62)  # fmt: skip


def folded(*events: object) -> Curves:
    curves = Curves()
    for event in events:
        curves.fold(event)
    return curves


def test_a_running_run_says_step_time_and_speed() -> None:
    line = runs.run_line(job(1, "a", JobState.RUNNING), folded(step(140, t=34)), Words("ro"))
    assert line["detail"] == "pasul 140 din 400 · 0:34 până acum, încă 1:02 · 2.410 tokeni/s"
    assert line["share"] == pytest.approx(0.35)
    assert line["word"] == "în lucru"


def test_before_its_first_step_a_run_says_what_it_does_from_the_first_second() -> None:
    starting = job(1, "a", JobState.STARTING)
    assert runs.run_line(starting, None, Words("en"))["detail"] == "loading the libraries and the model…"
    assert runs.run_line(starting, folded(), Words("ro"))["detail"] == "se încarcă bibliotecile și modelul…"
    said = runs.status(job(1, "a", JobState.RUNNING), folded(Attempt(number=1), Phase(name="checking")), Words("en"))
    assert (said["detail"], said["phase"]) == ("checking the data", "")


def test_after_resume_it_says_that_it_loads_and_not_the_speed_it_had() -> None:
    resumed = replace(job(1, "a", JobState.RUNNING), attempt=2)
    before = (Attempt(number=1), Phase(name="training"), step(181))
    loads = runs.status(resumed, folded(*before), Words("en"))
    assert (loads["detail"], loads["phase"]) == ("loading the libraries and the model… · goes on at step 181", "")
    silent = runs.status(resumed, folded(*before, Attempt(number=2, from_step=181)), Words("en"))
    assert silent["detail"] == loads["detail"]
    again = (Attempt(number=2, from_step=181), Phase(name="checking"))
    assert (
        runs.status(resumed, folded(*before, *again), Words("en"))["detail"]
        == "checking the data · goes on at step 181"
    )
    goes = runs.status(resumed, folded(*before, *again, Phase(name="training"), step(182)), Words("en"))
    assert goes["detail"].startswith("step 182 of 400 · ")
    assert goes["phase"] == "training"


def test_a_run_that_was_stopped_says_what_was_saved_and_from_where_it_would_go_on() -> None:
    stopped = replace(job(1, "a", JobState.STOPPED), reason_key="jobs.stopped")
    saved = (Attempt(number=1), step(40), Checkpoint(step=40, name="checkpoint-40"))
    words = Words("en")
    assert runs.status(stopped, folded(*saved), words)["reason"] == words.t("runs.stopped.saved", step=40)
    lost = runs.status(stopped, folded(*saved, step(57)), words)
    assert (lost["reason"], lost["saved"]) == (words.t("runs.stopped.before", step=40), 40)
    assert runs.status(stopped, folded(Attempt(number=1), step(7)), words)["reason"] == words.t("runs.stopped.nothing")
    again = folded(*saved, step(57), Attempt(number=2, from_step=40), step(41))
    assert runs.status(stopped, again, words)["reason"] == lost["reason"]
    queued = replace(stopped, reason_key="jobs.stopped_in_queue")
    assert runs.status(queued, folded(), words)["reason"] == words.said("jobs.stopped_in_queue")


def test_the_time_that_a_stopped_run_took_stands_beside_its_forecast() -> None:
    assert runs.status(job(1, "a", JobState.STOPPED), folded(step(40)), Words("en"))["time"] != ""
    assert runs.status(job(1, "a", JobState.RUNNING), folded(step(40)), Words("en"))["time"] == ""


def test_a_queued_run_waits_and_a_finished_one_is_whole() -> None:
    assert runs.run_line(job(1, "a", JobState.QUEUED), None, Words("en"))["detail"] == ""
    assert runs.run_line(job(1, "a", JobState.DONE), None, Words("en"))["share"] == 1.0


def test_notes_of_a_run_are_said_in_the_language_of_the_page() -> None:
    note = Note(key="forecast.advice_model", level="warning")
    said = [runs.status(job(1, "a"), folded(note), Words(language))["notes"] for language in ("en", "it")]
    assert said[0] == ["Choose a smaller model."]
    assert said[1] != said[0]


def test_markup_of_others_is_text() -> None:
    made = element("p", "<script>alert(1)</script>", title='"><img src=x onerror=alert(1)>', class_="a")
    assert "<script" not in made
    assert "<img" not in made
    assert made.endswith('class="a">&lt;script&gt;alert(1)&lt;/script&gt;</p>')
    assert join([element("i", "a"), "<b>", None]) == "<i>a</i>&lt;b&gt;"


def test_the_forecast_card_says_whether_it_fits_and_what_the_memory_is_for(services: FakeServices) -> None:
    forecast = services.forecast(services.recipe_now, "starter", "starter-ro")
    card = forecast_card(forecast, Words("en"))
    assert "Fits: needs about 926 MB of memory; 21 GB is free." in card
    assert [said in card for said in ("about 1 min 40 s", "400 steps", "12 MB")] == [True, True, True]
    assert ("A rough guess" in card) is not forecast.measured
    tight = forecast.model_copy(update={"free_bytes": 1000, "seconds": None, "advice": "forecast.advice_model"})
    said = forecast_card(tight, Words("en"))
    assert "Does not fit" in said
    assert "Choose a smaller model." in said


def test_the_memory_bar_leaves_out_what_takes_nothing() -> None:
    assert "gradients" not in memory_bar({"weights": 8_000_000, "gradients": 0}, Words("en"))


def test_the_command_quotes_what_a_shell_would_read() -> None:
    said = command("starter-lora", "starter", "my data", "it's mine", {"lora.rank": "8"})
    assert said.startswith("python3 launch.py train starter-lora --model starter --data 'my data' --name ")
    assert shlex.split(said)[-4:] == ["--name", "it's mine", "--set", "lora.rank=8"]


@pytest.mark.parametrize(("measured", "said"), [(False, "about 50 s, a rough guess"), (True, "50 s")])
def test_a_time_that_is_a_guess_is_told_as_one_beside_what_was_measured(measured: bool, said: str) -> None:
    (time,) = details.beside({"forecast": {"seconds": 50.0, "measured": measured}}, {}, Words("en"))
    assert time["forecast"] == said
