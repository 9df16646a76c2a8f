"""Recipes of one's own: replaced, taken from a file, and checked value by value for a form."""

from pathlib import Path

import pytest

from backend.errors import AccessError, RecipeError
from backend.messages import LANGUAGES
from backend.paths import Workspace
from backend.people import HOME, Person
from backend.recipes import load
from backend.recipes.schema import Recipe


def test_a_recipe_of_ones_own_is_replaced_under_its_name_and_a_shipped_one_never(workspace: Workspace) -> None:
    kept = load.save(HOME, workspace, "mine", Recipe())
    replaced = load.replace(HOME, workspace, kept.id, load.with_changes(Recipe(), {"lora.rank": "8"}))
    assert (replaced.id, replaced.title("it"), replaced.recipe.lora.rank) == (kept.id, "mine", 8)
    for who, ref in ((HOME, "starter-lora"), (Person("other"), kept.id), (HOME, "../../etc")):
        with pytest.raises(AccessError):
            load.replace(who, workspace, ref, Recipe())


def test_a_file_becomes_a_recipe_under_its_title_or_the_files_name_numbered_when_taken(
    workspace: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(load.as_yaml(load.find(HOME, workspace, "starter-lora").recipe), encoding="utf-8")
    assert load.take(HOME, workspace, path, "x").title() == "Romanian by LoRA 2"
    path.write_text("lora: {rank: 8}")
    assert load.take(HOME, workspace, path, "a <file>").title() == "a file"
    path.write_text("lora: {rank: 0}")
    with pytest.raises(RecipeError, match="Rank must be"):
        load.take(HOME, workspace, path, "x")
    assert len(load.available(HOME, workspace)) == len(load.shipped()) + 2


def test_a_form_is_told_every_fault_at_its_setting() -> None:
    checked = load.checked(Recipe(), {"lora.rank": "0", "schedule.learning_rate": "abc", "method": "magic"})
    assert checked.recipe is None
    assert {name: str(error) for name, error in checked.faults.items()} == {
        "lora.rank": "Rank must be 1–256.",
        "schedule.learning_rate": "Learning rate must be between 1e-7 and 1.",
        "method": "Method must be one of: lora, qlora, full.",
    }
    assert list(load.checked(Recipe(), {"replay.share": "0,5"}).faults) == ["replay.data"]
    assert list(load.checked(Recipe(), {"nonsense": "1"}).faults) == [""]
    good = load.checked(Recipe(), {"lora.rank": "8"})
    assert good.recipe is not None
    assert (good.recipe.lora.rank, good.faults) == (8, {})


@pytest.mark.parametrize("language", LANGUAGES)
def test_under_every_setting_stand_a_few_words(language: str) -> None:
    assert all(10 < len(field.hint(language)) <= 60 for field in load.leaves())
