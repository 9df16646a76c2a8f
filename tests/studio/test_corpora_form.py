"""Texts that are mixed, in the form, with the real services: what is typed, what is wrong with it, what it costs."""

import json
from pathlib import Path
from typing import Any

import pytest

from backend.data import datasets
from backend.people import HOME
from backend.recipes.changes import parse
from studio.services.door import Services
from studio.text import Words
from studio.views import details
from studio.widgets.recipe_form import plain, shown, written
from studio.widgets.train_form import Handlers

PLAIN = "starter-ro-plain"


@pytest.fixture
def services(tmp_path: Path) -> Services:
    made = Services.at(tmp_path / "workspace")
    for name in ("știri", "wiki"):
        path = tmp_path / f"{name}.jsonl"
        rows = [{"text": f"{name} {at} " + "mere " * 60} for at in range(40)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        datasets.bring(HOME, made.workspace, str(path))
    return made


def review(services: Services, corpora: str, language: str = "en", **typed: str) -> Any:
    words = Words(language)
    values = shown(services.recipe("starter-lora"), services.fields(), words)
    chosen = {"objective": "text", "corpora": corpora} | typed
    return Handlers(services, words).review("starter", PLAIN, "starter-lora", "o", **values | chosen)


def test_several_texts_are_weighed_and_the_length_is_said_to_be_judged_by_a_sample(services: Services) -> None:
    found = review(services, "știri: 0,5; wiki")
    assert json.loads(found.state)["faults"] == {}
    assert Words("en").t("forecast.sampled") in found.card
    assert "știri: 0.5; wiki: 1" in found.command
    one = review(services, "")
    assert Words("en").t("forecast.sampled") not in one.card


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("nicăieri: 2", "Niciun set de date al tău nu se numește „nicăieri”"),
        ("starter-ro: 2", "conține rânduri de tip conversație"),
        ("wiki: 1; Wiki: 2", "este numit de două ori"),
        ("wiki: mult", "fiecare cu o pondere peste 0"),
        ("wiki: 0", "fiecare cu o pondere peste 0"),
    ],
)
def test_what_is_wrong_with_a_text_is_said_at_the_field(services: Services, typed: str, sentence: str) -> None:
    faults = json.loads(review(services, typed, "ro").state)["faults"]
    assert sentence in faults["corpora"]


def test_a_text_whose_file_is_gone_is_said_at_the_field(services: Services) -> None:
    review(services, "wiki: 2")
    datasets.find(HOME, services.workspace, "wiki").path.unlink()
    faults = json.loads(review(services, "wiki: 2", "it").state)["faults"]
    assert "non è più al suo posto" in faults["corpora"]


def test_a_list_is_written_as_it_is_typed_everywhere() -> None:
    recipe = parse({"objective": "text", "corpora": "wiki: 0.3; știri: 45,6; cărți"})
    field = next(one for one in Services.fields(None) if one.name == "corpora")  # type: ignore[arg-type]
    line = "wiki: 0.3; știri: 45.6; cărți: 1"
    assert plain(recipe.corpora) == written(recipe.corpora, Words("en")) == line
    assert details.written(field, recipe.corpora, Words("en")) == line
    assert details.written(field, (), Words("en")) == Words("en").t("runs.setting.none")
    assert parse({"objective": "text", "corpora": line}).corpora == recipe.corpora
