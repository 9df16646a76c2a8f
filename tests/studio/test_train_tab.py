from pathlib import Path

import pytest

from backend.errors import RecipeError, StudioError
from studio.tabs.train import Draft, Handlers
from studio.text import Words
from studio.widgets.add_data import Handlers as AddDataHandlers
from studio.widgets.recipe_form import changes, dotted, flat, shown
from tests.fakes import FakeServices

CHOICE = {"model": "starter", "data": "starter-ro", "recipe": "starter-lora"}


@pytest.fixture
def handlers(services: FakeServices) -> Handlers:
    return Handlers(services, Words("ro"))  # type: ignore[arg-type]


@pytest.fixture
def values(services: FakeServices) -> dict[str, object]:
    """The form as it stands when nobody has touched it."""
    return shown(services.recipe_now, services.fields(), Words("ro"))


def test_the_form_says_what_the_recipe_says_in_the_pages_own_figures(
    services: FakeServices, values: dict[str, object]
) -> None:
    assert values["schedule__learning_rate"] == "0,0002"
    assert values["schedule__max_steps"] == ""
    assert values["method"] == "lora"
    assert values["quantisation__double"] is True
    assert shown(services.recipe_now, services.fields(), Words("en"))["schedule__learning_rate"] == "0.0002"
    assert {dotted(flat(leaf.name)) for leaf in services.fields()} == {leaf.name for leaf in services.fields()}


def test_only_what_was_changed_is_a_change(values: dict[str, object]) -> None:
    assert changes(values, values) == {}
    assert changes({**values, "lora__rank": "8"}, values) == {"lora.rank": "8"}


def test_a_good_choice_can_be_started_and_is_shown_as_a_command(handlers: Handlers, values: dict[str, object]) -> None:
    review = handlers.review(**CHOICE, name="prima", **{**values, "schedule__learning_rate": "0,001"})
    assert review.missing == ""
    assert review.start["interactive"] is True
    assert "Încape" in review.card
    assert review.command.endswith("--name prima --set schedule.learning_rate=0,001")


@pytest.mark.parametrize("name", ["", "   ", "../../etc", "<img src=x onerror=alert(1)>", "CON", "a\u202eb", "x" * 300])
def test_a_bad_name_is_said_beside_the_button_and_the_forecast_stays(
    handlers: Handlers, values: dict[str, object], name: str
) -> None:
    review = handlers.review(**CHOICE, name=name, **values)
    assert review.start["interactive"] is False
    assert review.missing
    assert "Încape" in review.card


@pytest.mark.parametrize(
    ("field", "typed"),
    [("schedule__learning_rate", "inf"), ("schedule__learning_rate", "abc"), ("batch__size", "0"),
     ("lora__rank", "10000"), ("lora__dropout", "1,5"), ("schedule__max_steps", "0"), ("schedule__epochs", "-1")],
)  # fmt: skip
def test_a_value_out_of_bounds_is_said_and_not_started(
    handlers: Handlers, values: dict[str, object], field: str, typed: str
) -> None:
    review = handlers.review(**CHOICE, name="prima", **{**values, field: typed})
    assert review.missing
    assert review.start["interactive"] is False
    with pytest.raises(RecipeError):
        handlers.start(**CHOICE, name="prima", **{**values, field: typed})


def test_start_hands_over_what_was_typed_and_offers_the_next_name(
    handlers: Handlers, services: FakeServices, values: dict[str, object]
) -> None:
    started = handlers.start(**CHOICE, name="starter-lora", **{**values, "schedule__max_steps": "12"})
    (_, (recipe, model, data, name)) = services.asked[-1]
    assert (recipe.schedule.max_steps, model, data, name) == (12, "starter", "starter-ro", "starter-lora")
    assert started.run in services.jobs
    assert started.name == "starter-lora 2"
    with pytest.raises(StudioError):
        handlers.start(**CHOICE, name="starter-lora", **values)


def test_the_draft_comes_back_after_a_reload(handlers: Handlers) -> None:
    draft = Draft(recipe="starter-lora", name="a mea", fields={"lora__rank": "8", "quantisation__double": False})
    model, data, recipe, name = handlers.choices(draft.model_dump_json())
    assert (model["value"], data["value"], recipe["value"], name) == ("starter", "starter-ro", "starter-lora", "a mea")
    assert handlers.filled(["lora__rank", "lora__alpha"], "starter-lora", draft.model_dump_json()) == ["8", "32"]
    assert handlers.filled(["lora__rank"], "starter-lora", "") == "16"


@pytest.mark.parametrize("text", ["", "null", "{", "[]", '{"fields": {"lora__rank": {"a": 1}}}', '{"recipe": "gone"}'])
def test_a_draft_that_makes_no_sense_is_no_draft(handlers: Handlers, text: str) -> None:
    _, _, recipe, name = handlers.choices(text)
    assert (recipe["value"], name) == ("starter-lora", "starter-lora")


def test_fields_without_effect_are_hidden(handlers: Handlers, services: FakeServices) -> None:
    when = {flat(leaf.name): leaf.when for leaf in services.fields() if leaf.when}
    full = dict(zip(when, handlers.relevant(when, method="full", objective="chat"), strict=True))
    assert full["lora__rank"]["visible"] is False
    qlora = dict(zip(when, handlers.relevant(when, method="qlora", objective="text"), strict=True))
    assert qlora["quantisation__kind"]["visible"] is True
    assert qlora["lora__rank"]["visible"] is True
    assert qlora["replay__share"]["visible"] is False


def test_a_file_of_ones_own_is_added_chosen_and_not_kept_in_the_upload_folder(
    services: FakeServices, tmp_path: Path
) -> None:
    upload = tmp_path / "ale mele.jsonl"
    upload.write_text("{}")
    adding = AddDataHandlers(services, Words("ro"), lambda: [("Ale mele", "mine")])  # type: ignore[arg-type]
    chosen, said = adding.add(str(upload), "", skip_bad=True)
    assert chosen["value"] == "mine"
    assert said == "Am adăugat „ale mele” cu 12 exemple; este ales mai sus."
    assert services.asked[-1] == ("add_dataset", ("{}", "ale mele", True))
    assert not upload.exists()


def test_what_is_wrong_with_a_file_is_said_where_it_was_chosen(services: FakeServices, tmp_path: Path) -> None:
    upload = tmp_path / "x.jsonl"
    upload.write_text("{}")
    adding = AddDataHandlers(services, Words("it"), list)  # type: ignore[arg-type]
    chosen, said = adding.add(str(upload), "a/b", skip_bad=False)
    assert "value" not in chosen
    assert "«/»" in said or "/" in said
    assert adding.add(None, "", skip_bad=False)[1] == ""
