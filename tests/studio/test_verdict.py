"""The verdict as the page gets it: the shipped run's card in three languages, and what its buttons open."""

import json
from pathlib import Path

import pytest

from backend.jobs import recorded
from backend.messages import LANGUAGES
from backend.recipes.load import with_changes
from backend.verdict import card
from backend.verdict.measured import Measured, Score
from backend.verdict.reasons import Advice, Sentence
from studio.downloads import judged
from studio.services.door import Services
from studio.text import Words
from studio.views.verdict import verdict

SHIPPED = recorded.every()[0].id


@pytest.fixture
def real(tmp_path: Path) -> Services:
    return Services.at(tmp_path / "workspace")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_shipped_run_says_what_it_learned_and_what_it_forgot(real: Services, language: str) -> None:
    said = judged(real, SHIPPED, Words(language))
    assert said is not None
    assert said["kind"] == "learned"
    assert [one["change"] for one in said["languages"]] == ["lost", "lost", "gained"]
    assert said["chat"]
    assert any(char.isdigit() for char in said["languages"][0]["figures"])
    assert " ".join(said["languages"][1]["figures"].split()[:3]) == "30 → 0"
    assert "{" not in json.dumps([said[part] for part in ("headline", "lead", "learned", "forgotten", "why", "proof")])


def test_each_button_opens_train_with_something_that_can_be_started(real: Services) -> None:
    said = judged(real, SHIPPED, Words("en"))
    assert said is not None
    opens = [one["open"] for one in said["advice"] if one["open"]]
    assert opens[0]["recipe"] == "starter-mixed"
    assert "schedule__learning_rate" in opens[1]["fields"]
    for one in opens:
        fields = {name.replace("__", "."): value for name, value in one["fields"].items()}
        assert with_changes(real.recipe(one["recipe"]), fields)
        assert real.forecast(real.recipe(one["recipe"]), one["model"], one["data"])


def test_a_run_that_has_not_ended_has_no_verdict(real: Services) -> None:
    job = real.start(real.recipe("starter-lora"), "starter", "starter-ro", "waits")
    assert judged(real, job.id, Words("en")) is None


def test_an_advice_that_is_only_words_opens_nothing(real: Services) -> None:
    assert real.verdicts.opened(SHIPPED, Advice(Sentence("verdict.try.more_data"))) is None


def test_a_group_without_a_language_is_named_and_what_a_person_called_one_stays_text() -> None:
    scores = (Score("", 0, 1, 2, 1, 0), Score("<img src=x>", 0, 1, 2, 1, 0))
    said = verdict(card.made_of(Measured(scores=scores)), lambda _: None, Words("it"))
    assert [one["name"] for one in said["languages"]] == ["Tutte le domande", "<img src=x>"]


@pytest.mark.parametrize(
    ("left", "said"),
    [(14, "forgot most of"), (16, "forgot part of"), (6, "forgot nearly all of"), (7, "forgot most of")],
)
def test_the_card_says_whether_a_part_or_most_was_forgotten(left: int, said: str) -> None:
    """Of two languages that it knew, one is gone; of the other one this many answers of thirty are left."""
    scores = (Score("ro", 0, 29, 30, 29, 0), Score("en", 30, 0, 30, 0, 30), Score("it", 30, left, 30, 0, 30 - left))
    lead = verdict(card.made_of(Measured(scores=scores)), lambda _: None, Words("en"))["lead"]
    assert said in lead
