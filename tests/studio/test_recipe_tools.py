from pathlib import Path
from typing import Any

import pytest

from backend.recipes import load
from studio.text import Words
from studio.widgets.add_data import Handlers as AddDataHandlers
from studio.widgets.recipe_form import shown
from studio.widgets.recipe_tools import Handlers
from studio.widgets.train_form import Handlers as TrainHandlers
from tests.bad_names import NEVER_NAMES
from tests.fakes import FakeServices, job
from tests.studio.test_train_tab import CHOICE


@pytest.fixture
def tools(services: FakeServices) -> Handlers:
    form = TrainHandlers(services, Words("en"))
    return Handlers(services, Words("en"), form.as_typed, form.adopt)


@pytest.fixture
def form(services: FakeServices) -> dict[str, Any]:
    return {**CHOICE, **shown(services.recipe_now, services.fields(), Words("en"))}


def test_the_form_is_kept_as_a_recipe_with_its_model_and_data(
    tools: Handlers, services: FakeServices, form: dict[str, Any]
) -> None:
    saved = tools.save("", "My recipe", **{**form, "lora__rank": "8"})
    kept = services.cookbook.own()[0]
    assert (kept.title(), kept.recipe.lora.rank, kept.recipe.defaults.data) == ("My recipe", 8, "starter-ro")
    assert saved.recipe["value"] == kept.id
    assert ("My recipe (mine)", kept.id) in saved.recipe["choices"]
    assert "Saved as “My recipe”" in saved.said


def test_a_recipe_is_replaced_only_after_a_second_press_for_the_very_same_name(
    tools: Handlers, services: FakeServices, form: dict[str, Any]
) -> None:
    tools.save("", "mine", **form)
    asked = tools.save("", "Mine", **{**form, "lora__rank": "8"})
    assert "Press again" in asked.said
    assert (asked.asked, asked.button["value"]) == ("Mine", "Replace it")
    assert services.cookbook.own()[0].recipe.lora.rank == 16
    assert tools.renamed(asked.asked, "other")[0] == ""
    replaced = tools.save(asked.asked, "Mine", **{**form, "lora__rank": "8"})
    assert [file.recipe.lora.rank for file in services.cookbook.own()] == [8]
    assert (replaced.asked, services.cookbook.own()[0].title()) == ("", "mine")


@pytest.mark.parametrize("name", [*NEVER_NAMES.values(), "First adapter (LoRA)"], ids=[*NEVER_NAMES, "shipped"])
def test_a_name_no_recipe_can_have_is_said_at_the_name(
    tools: Handlers, services: FakeServices, form: dict[str, Any], name: str
) -> None:
    saved = tools.save("", name, **form)
    assert 'data-at="recipe-name"' in saved.said
    assert "<img" not in saved.said
    assert services.cookbook.own() == []


def test_a_form_with_a_fault_is_neither_saved_nor_written(
    tools: Handlers, services: FakeServices, form: dict[str, Any]
) -> None:
    wrong = {**form, "lora__rank": "0"}
    assert "Rank must be 1–256." in tools.save("", "mine", **wrong).said
    written = tools.write(**wrong)
    assert (written.text, "Rank must be 1–256." in written.said) == ("", True)
    assert services.cookbook.own() == []


def test_what_is_downloaded_is_read_again_as_the_same_recipe(
    tools: Handlers, services: FakeServices, form: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "taken.yaml"
    path.write_text(tools.write(**{**form, "schedule__learning_rate": "0.001"}).text, encoding="utf-8")
    assert load.read(path) == services.recipe("starter-lora", {"schedule.learning_rate": "0.001"})
    services.recipe_now = services.recipe_now.model_copy(update={"title": {"en": "Other"}})
    taken = tools.upload(str(path))
    assert taken.recipe["value"] == services.cookbook.own()[0].id
    assert not path.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lora: {learning_rat: 1}", "learning_rat"),
        ("schedule: {learning_rat: 1}", "Did you mean"),
        ("lora: {rank: 10000}", "Rank must be 1–256."),
        ("schedule: {learning_rate: .inf}", "Learning rate must be between"),
        ("a: !!python/object:os.system x", "forbidden tag"),
        ("a: &a [1]\nb: *a", "aliases"),
        ("lora: {rank: [", "not valid YAML (line"),
        ("", "no settings"),
        ("<img src=x onerror=alert(1)>", "no settings"),
        ("x" * 1_000_001, "larger than 1 MB"),
    ],
)
def test_what_is_wrong_with_a_recipe_file_is_said_at_the_upload(
    tools: Handlers, services: FakeServices, tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    refused = tools.upload(str(path))
    assert 'data-at="recipe-upload"' in refused.said
    assert said in refused.said.replace("&quot;", '"')
    assert services.cookbook.own() == []
    assert "value" not in refused.recipe
    assert not path.exists()


def test_values_that_yaml_libraries_misread_are_taken_as_they_are_meant(
    tools: Handlers, services: FakeServices, tmp_path: Path
) -> None:
    path = tmp_path / "good.yaml"
    path.write_text("title: {en: Good}\nschedule: {learning_rate: 1e-4}\nreplay: {data: no}")
    tools.upload(str(path))
    kept = services.cookbook.own()[0].recipe
    assert (kept.schedule.learning_rate, kept.replay.data) == (1e-4, "no")


def test_the_settings_of_a_run_fill_the_form_and_a_run_that_is_gone_changes_nothing(
    tools: Handlers, services: FakeServices
) -> None:
    services.jobs = {"run1": job(1, "first")}
    assert tools.runs()["choices"] == [("first", "run1")]
    copied = tools.copy("run1")
    assert (copied.recipe["value"], copied.name) == ("run:run1", "first 2")
    gone = tools.copy("../../etc")
    assert 'role="alert"' in gone.said
    assert "value" not in gone.recipe


def test_only_ones_own_recipe_can_be_deleted_after_a_second_press(
    tools: Handlers, services: FakeServices, form: dict[str, Any]
) -> None:
    assert tools.mine("starter-lora").delete["visible"] is False
    own = tools.save("", "mine", **form).recipe["value"]
    assert [one["visible"] for one in tools.mine(own)] == [True, False, False]
    assert [one["visible"] for one in tools.ask()] == [False, True, True]
    deleted = tools.delete("starter-lora", own)
    assert deleted.recipe["value"] == "starter-lora"
    assert services.cookbook.own() == []


def adding(services: FakeServices) -> AddDataHandlers:
    return AddDataHandlers(services, Words("ro"), lambda: [("Ale mele", "mine")])


def test_a_file_of_ones_own_is_added_chosen_and_not_kept_in_the_upload_folder(
    services: FakeServices, tmp_path: Path
) -> None:
    upload = tmp_path / "ale mele.jsonl"
    upload.write_text("{}")
    added = adding(services).add(str(upload), "", skip_bad=True)
    assert added.data["value"] == "mine"
    assert "Am adăugat „ale mele” cu 12 exemple; este ales mai sus." in added.said
    assert services.asked[-1] == ("add_dataset", ("{}", "ale mele", True))
    assert not upload.exists()
    assert (added.file, added.name) == (None, "")


@pytest.mark.parametrize("key", [key for key, name in NEVER_NAMES.items() if name.strip()])
def test_a_bad_name_of_a_data_set_is_said_at_the_name_and_the_file_stays_for_another_try(
    services: FakeServices, tmp_path: Path, key: str
) -> None:
    name = NEVER_NAMES[key]
    upload = tmp_path / "x.jsonl"
    upload.write_text("{}")
    refused = adding(services).add(str(upload), name, skip_bad=False)
    assert 'data-at="data-name"' in refused.said
    assert "<img" not in refused.said
    assert refused.again["visible"] is True
    assert "value" not in refused.data
    assert upload.exists()
    added = adding(services).add(str(upload), "bun", skip_bad=False)
    assert added.data["value"] == "mine"


def test_without_a_file_nothing_is_said(services: FakeServices) -> None:
    assert adding(services).add(None, "a/b", skip_bad=False).said == ""
