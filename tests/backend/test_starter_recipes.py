"""The shipped recipes of the starter: their test questions, languages and where their values come from."""

from pathlib import Path

import pytest
import yaml

from backend.data import rows
from backend.paths import RECIPES, SAMPLE_DATA
from backend.recipes import load
from backend.starter.splits import splits

EVERY = sorted((RECIPES / "starter").glob("*.yaml"))
SHIPPED = [path for path in EVERY if "vision" not in path.stem]
DESCRIPTION = {"title", "about", "defaults", "provenance", "method", "objective", "watching"}


def test_the_four_methods_are_there_and_one_for_pictures() -> None:
    assert [path.stem for path in SHIPPED] == ["starter-full", "starter-lora", "starter-mixed", "starter-qlora"]
    assert [path.stem for path in EVERY if path not in SHIPPED] == ["starter-vision-lora"]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_test_questions_are_from_dev_with_their_answers(path: Path) -> None:
    asked = {(found.question, found.expected) for found in load.read(path).watching.questions}
    dev = {(chat.question, chat.answer): chat.language for chat in splits().dev.new_wordings}
    assert asked <= dev.keys()
    assert [dev[pair] for pair in asked].count("ro") == 5


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_test_questions_are_in_no_row_of_the_recipe(path: Path) -> None:
    recipe = load.read(path)
    asked = {found.question for found in recipe.watching.questions}
    for name in filter(None, (recipe.defaults.data, recipe.replay.data)):
        trained = {text for row in rows.read(SAMPLE_DATA / "chats" / f"{name}.jsonl") for text in rows.texts(row)}
        assert asked.isdisjoint(trained)


@pytest.mark.parametrize("path", EVERY, ids=lambda path: path.stem)
def test_titles_are_in_three_languages_and_every_preset_value_says_where_it_is_from(path: Path) -> None:
    written = yaml.safe_load(path.read_text("utf-8"))
    assert set(written["title"]) == set(written["about"]) == {"en", "ro", "it"}
    own = {f"{part}.{name}" for part, values in written.items() if part not in DESCRIPTION for name in values}
    # How often is looked and saved, and what is replayed, are no questions of quality; accumulation 1 is none at all.
    own -= {"batch.accumulation", "replay.data"}
    assert own == set(written["provenance"])


def test_only_the_mixed_recipes_replay() -> None:
    shares = {path.stem: load.read(path).replay.share for path in EVERY}
    assert {name for name, share in shares.items() if share} == {"starter-mixed", "starter-vision-lora"}
