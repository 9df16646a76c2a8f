import json
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from backend.paths import RECIPES
from backend.recipes import load
from backend.recipes.cards import on_card
from backend.setup import commands
from studio.text import Words
from studio.views.train import sources
from studio.widgets.recipe_form import GROUPS, changes, dotted, flat, group_of, plain, shown, without_effect
from studio.widgets.train_form import Draft, Handlers
from tests.bad_names import NEVER_NAMES
from tests.fakes import FakeServices, job

CHOICE = {"model": "starter", "data": "starter-ro", "recipe": "starter-lora"}
BAD_NUMBERS = [
    ("schedule__learning_rate", "inf"), ("schedule__learning_rate", "nan"), ("schedule__learning_rate", "-1"),
    ("schedule__learning_rate", "abc"), ("schedule__learning_rate", "1e3"), ("schedule__learning_rate", "<b>1</b>"),
    ("batch__size", "0"), ("schedule__epochs", "-1"), ("schedule__max_steps", "0"), ("lora__rank", "0"),
    ("lora__rank", "-3"), ("lora__rank", "10000"), ("lora__rank", "8,5"), ("lora__dropout", "1,5"),
    ("batch__max_length", "1e12"), ("compute__seed", "2e30"), ("replay__share", "0,5"), ("watching__eval_every", ""),
]  # fmt: skip


@pytest.fixture
def handlers(services: FakeServices) -> Handlers:
    return Handlers(services, Words("ro"))


@pytest.fixture
def values(services: FakeServices) -> dict[str, object]:
    """The form as it stands when nobody has touched it."""
    return shown(services.recipe_now, services.fields(), Words("ro"))


def state(review: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(review.state)
    return found


def test_the_form_says_what_the_recipe_says_in_the_pages_own_figures(
    services: FakeServices, values: dict[str, object]
) -> None:
    assert values["schedule__learning_rate"] == "0,0002"
    assert values["schedule__max_steps"] == ""
    assert values["method"] == "lora"
    assert values["quantisation__double"] is True
    assert shown(services.recipe_now, services.fields(), Words("en"))["schedule__learning_rate"] == "0.0002"
    assert {dotted(flat(leaf.name)) for leaf in services.fields()} == {leaf.name for leaf in services.fields()}


def test_every_advanced_setting_is_in_one_group_and_no_group_is_empty(services: FakeServices) -> None:
    groups = [group_of(field) for field in services.fields() if field.level == "advanced"]
    assert set(groups) == set(GROUPS)
    assert group_of(next(field for field in services.fields() if field.name == "compute.seed")) == "learning"


def test_only_what_means_something_else_is_a_change(handlers: Handlers, values: dict[str, object]) -> None:
    assert changes(values, values) == {}
    same = handlers.review(**CHOICE, name="prima", **{**values, "schedule__learning_rate": "2e-4"})
    assert state(same)["changed"] == []
    other = handlers.review(**CHOICE, name="prima", **{**values, "schedule__learning_rate": "0,001", "lora__rank": "8"})
    assert state(other)["changed"] == ["lora__rank", "schedule__learning_rate"]
    assert other.count["value"] == "2 setări schimbate"
    assert (same.reset["interactive"], other.reset["interactive"]) == (False, True)


def test_a_good_choice_can_be_started_and_is_shown_as_a_command(handlers: Handlers, values: dict[str, object]) -> None:
    review = handlers.review(**CHOICE, name="prima", **{**values, "schedule__learning_rate": "0,001"})
    assert state(review)["faults"] == {}
    assert review.start["interactive"] is True
    assert "Încape" in review.card
    assert review.command.endswith("--name prima --set schedule.learning_rate=0.001")


def test_the_command_is_read_by_the_real_parser_and_means_the_same_recipe(
    handlers: Handlers, services: FakeServices, values: dict[str, object]
) -> None:
    typed = {
        **values,
        "method": "qlora",
        "lora__dropout": "0,1",
        "schedule__max_steps": "12",
        "quantisation__double": False,
    }
    review = handlers.review(**CHOICE, name="rularea mea", **typed)
    words = shlex.split(review.command)
    assert words[:2] == ["python3", "launch.py"]
    options = commands.read(words[2:])
    assert (options.recipe, options.model, options.data, options.name) == (
        "starter-lora",
        "starter",
        "starter-ro",
        "rularea mea",
    )
    meant = services.recipe("starter-lora", dict(change.split("=", 1) for change in options.set))
    assert meant == handlers.as_typed("starter-lora", typed)
    assert [plain(setting) for setting in (None, True, 0.0002)] == ["none", "true", "0.0002"]


def test_the_command_names_a_recipe_of_ones_own_and_a_run_by_their_names(
    handlers: Handlers, services: FakeServices, values: dict[str, object]
) -> None:
    kept = services.cookbook.save("My class", services.recipe_now)
    services.jobs["run1"] = job(1, "prima")
    for recipe, called in ((kept.id, "My class"), ("run:run1", "run:prima")):
        review = handlers.review("starter", "starter-ro", recipe, "alta", **values)
        assert shlex.split(review.command)[3] == called


def test_what_the_chosen_recipe_is_for_is_said_in_the_pages_language(
    handlers: Handlers, services: FakeServices, values: dict[str, object]
) -> None:
    assert handlers.review(**CHOICE, name="prima", **values).about == ""
    services.recipe_now = services.recipe_now.model_copy(update={"about": {"en": "For <b>all</b>", "ro": "Pentru <b>"}})
    assert "Pentru &lt;b&gt;" in handlers.review(**CHOICE, name="prima", **values).about


@pytest.mark.parametrize("name", NEVER_NAMES.values(), ids=NEVER_NAMES)
def test_a_bad_name_is_said_at_the_name_and_the_forecast_stays(
    handlers: Handlers, values: dict[str, object], name: str
) -> None:
    review = handlers.review(**CHOICE, name=name, **values)
    assert list(state(review)["faults"]) == ["name"]
    assert review.start["interactive"] is False
    assert "Încape" in review.card
    assert "--name" not in shlex.split(review.command)


@pytest.mark.parametrize("twin", ["Run1", "cafe\u0301"])
def test_a_name_that_is_taken_in_other_letters_is_said(
    handlers: Handlers, services: FakeServices, values: dict[str, object], twin: str
) -> None:
    services.jobs = {"1": job(1, "run1"), "2": job(2, "café")}
    assert "xistă deja" in state(handlers.review(**CHOICE, name=twin, **values))["faults"]["name"]


@pytest.mark.parametrize(("field", "typed"), BAD_NUMBERS)
def test_a_value_that_cannot_be_is_said_at_its_field_and_not_started(
    handlers: Handlers, services: FakeServices, values: dict[str, object], field: str, typed: str
) -> None:
    review = handlers.review(**CHOICE, name="prima", **{**values, field: typed})
    where = "replay__data" if field == "replay__share" else field
    assert list(state(review)["faults"]) == [where]
    assert review.start["interactive"] is False
    assert where not in state(review)["idle"]
    refused = handlers.start(**CHOICE, name="prima", **{**values, field: typed})
    assert (refused.run, bool(refused.problem)) == ("", True)
    assert not services.jobs


def test_every_wrong_field_is_said_at_once(handlers: Handlers, values: dict[str, object]) -> None:
    wrong = {**values, "lora__rank": "0", "batch__size": "x", "schedule__epochs": "nan"}
    assert set(state(handlers.review(**CHOICE, name="", **wrong))["faults"]) == {
        "lora__rank", "batch__size", "schedule__epochs", "name"
    }  # fmt: skip


def test_what_is_chosen_and_does_not_go_together_is_said_at_the_choice(
    handlers: Handlers, values: dict[str, object]
) -> None:
    text = handlers.review(**CHOICE, name="a", **{**values, "objective": "text"})
    assert list(state(text)["faults"]) == ["data"]
    gone = handlers.review("gone", "gone", "starter-lora", "a", **values)
    assert set(state(gone)["faults"]) == {"model", "data"}
    replay = handlers.review(**CHOICE, name="a", **{**values, "replay__share": "0,5", "replay__data": "gone"})
    assert list(state(replay)["faults"]) == ["replay.data".replace(".", "__")]


def test_start_hands_over_what_was_typed_and_offers_the_next_name(
    handlers: Handlers, services: FakeServices, values: dict[str, object]
) -> None:
    started = handlers.start(**CHOICE, name="starter-lora", **{**values, "schedule__max_steps": "12"})
    (_, (recipe, model, data, name)) = services.asked[-1]
    assert (recipe.schedule.max_steps, model, data, name) == (12, "starter", "starter-ro", "starter-lora")
    assert started.run in services.jobs
    assert (started.name, started.problem) == ("starter-lora 2", "")
    again = handlers.start(**CHOICE, name="starter-lora", **values)
    assert (again.run, "xistă deja" in again.problem) == ("", True)


def test_the_draft_comes_back_after_a_reload(handlers: Handlers) -> None:
    draft = Draft(recipe="starter-lora", name="a mea", fields={"lora__rank": "8", "quantisation__double": False})
    model, data, recipe, name = handlers.choices(draft.model_dump_json())
    assert (model["value"], data["value"], recipe["value"], name) == ("starter", "starter-ro", "starter-lora", "a mea")
    assert handlers.filled(["lora__rank", "lora__alpha"], "starter-lora", draft.model_dump_json()) == ["8", "32"]
    assert handlers.filled(["lora__rank"], "starter-lora", "") == "16"
    assert handlers.choices(Draft(name="").model_dump_json())[3] == ""


@pytest.mark.parametrize("text", ["", "null", "{", "[]", '{"fields": {"lora__rank": {"a": 1}}}', '{"recipe": "gone"}',
                                  '{"recipe": "run:gone"}'])  # fmt: skip
def test_a_draft_that_makes_no_sense_is_no_draft(handlers: Handlers, text: str) -> None:
    _, _, recipe, name = handlers.choices(text)
    assert (recipe["value"], name) == ("starter-lora", "starter-lora")


def test_fields_without_effect_are_named(services: FakeServices, values: dict[str, object]) -> None:
    full = without_effect(services.fields(), {**values, "method": "full"})
    assert {"lora__rank", "quantisation__kind"} <= set(full)
    text = without_effect(services.fields(), {**values, "method": "qlora", "objective": "text"})
    assert "replay__share" in text
    assert not {"lora__rank", "quantisation__kind"} & set(text)


def test_the_settings_of_a_run_are_a_recipe_to_start_from(handlers: Handlers, services: FakeServices) -> None:
    services.jobs = {"run1": job(1, "prima mea")}
    recipe, model, data, name = handlers.adopt("run:run1")
    assert recipe["choices"][-1] == ("Ca la pornirea rulării „prima mea”", "run:run1")
    assert (model, data, name) == ("starter", "starter-ro", "prima mea 2")
    assert handlers.filled(["lora__rank"], "run:run1", "") == "16"
    assert "run:prima mea" in handlers.review(model, data, "run:run1", name, **shown(
        services.recipe_now, services.fields(), Words("ro"))).command  # fmt: skip


def test_a_broken_recipe_of_ones_own_does_not_close_the_form(tmp_path: Path) -> None:
    from backend.paths import Workspace
    from backend.people import HOME
    from backend.recipes import load

    workspace = Workspace(tmp_path).create()
    folder = workspace.recipes / HOME.id
    folder.mkdir()
    (folder / "x.yaml").write_text("lora: {rank: banana}")
    assert [file.id for file in load.available(HOME, workspace)] == [file.id for file in load.shipped()]


def test_under_the_fields_of_a_papers_recipe_stands_where_each_value_is_from() -> None:
    published = load.read(RECIPES / "extremita" / "extremita.yaml")
    fields = [(flat(one.name), one) for one in load.leaves()]
    said = sources(published, fields, Words("it"))
    assert said["lora__rank"] == ("dal codice degli autori", "8, crux82/ExtremITA")
    assert said["schedule__scheduler"][0] == "non pubblicato; scelta nostra"
    smaller = sources(on_card(published, 6), fields, Words("en"))
    assert smaller["batch__size"] == ("our choice; published: 16", "for a card of 6 GB")
    assert smaller["lora__rank"] == ("from the authors' code", "8, crux82/ExtremITA")
    starter = load.read(RECIPES / "starter" / "starter-lora.yaml")
    assert sources(starter, fields, Words("en")) == {}


def test_what_reads_pictures_is_told_in_the_lists_and_their_settings_are_there_for_pictures_only(
    handlers: Handlers, services: FakeServices, values: dict[str, object]
) -> None:
    eyes = SimpleNamespace(id="eyes", kind="vision", title=lambda language: "Ochi")
    album = SimpleNamespace(id="album", rows=1200, shape="caption", title=lambda language: "Grădina")
    services.models = lambda: [eyes]  # type: ignore[method-assign]
    services.datasets = lambda: [album]  # type: ignore[method-assign]
    assert handlers.model_choices() == [("Ochi · citește imagini", "eyes")]
    assert handlers.data_choices() == [("Grădina (1.200, cu imagini)", "album")]
    names = {"vision__projector", "vision__tower", "vision__keep"}
    assert names <= set(state(handlers.review(**CHOICE, name="prima", **values))["idle"])
    idle = state(handlers.review(**CHOICE, name="prima", **{**values, "objective": "vision"}))["idle"]
    assert not names & set(idle)
    assert names <= set(without_effect(services.fields(), {**values, "objective": "vision", "method": "full"}))
    assert "despre 6 imagini" in handlers.review(**CHOICE, name="prima", **{**values, "objective": "vision"}).questions
    none = {**values, "objective": "vision", "watching__pictures": "0"}
    assert handlers.review(**CHOICE, name="prima", **none).questions == ""
