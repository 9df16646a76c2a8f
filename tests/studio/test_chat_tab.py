"""The chat's fields: what they hold when the tab is opened, a conversation is chosen or a preset is taken."""

import json
from types import SimpleNamespace

import pytest

from backend.chats import presets
from backend.chats.model import Choices, Turn
from backend.inference.sampling import Sampling
from studio.text import Words
from studio.widgets.chat_form import Handlers
from tests.fake_chats import settled
from tests.fakes import FakeServices, job


@pytest.fixture
def handlers(services: FakeServices) -> Handlers:
    services.jobs |= {"run1": job(1, "first"), "run2": job(2, "second")}
    return Handlers(services.chats, Words("ro"))


def test_opening_the_chat_puts_the_newest_run_beside_its_base(handlers: Handlers) -> None:
    shown = handlers.opened("")
    assert shown.base["value"] == "starter"
    assert (shown.adapters["value"], shown.adapters["choices"]) == (
        ["run:run2"],
        [("second", "run:run2"), ("first", "run:run1")],
    )
    assert (shown.system, shown.temperature, shown.max_tokens, shown.seed) == ("", "0", "256", "")
    assert handlers.chats.workspace.kick.exists()


def test_what_was_left_in_the_fields_is_there_again_without_what_is_gone(handlers: Handlers) -> None:
    kept = {"base": "starter", "adapters": ["run:run1", "run:gone"], "system": "Scurt.", "temperature": "0,7"}
    shown = handlers.opened(json.dumps({"kept": kept}))
    assert (shown.adapters["value"], shown.system, shown.temperature) == (["run:run1"], "Scurt.", "0,7")
    assert handlers.opened(json.dumps({"kept": {"adapters": []}})).adapters["value"] == []


def test_a_run_to_chat_with_now_comes_before_what_was_left(handlers: Handlers) -> None:
    shown = handlers.opened(json.dumps({"kept": {"base": "x", "adapters": []}, "with": "run1"}))
    assert (shown.base["value"], shown.adapters["value"]) == ("starter", ["run:run1"])


@pytest.mark.parametrize(
    "situation", ["{", "[]", '{"kept": 3}', '{"kept": {"temperature": "nan", "adapters": "x"}}', '{"chat": "gone"}']
)
def test_a_situation_that_makes_no_sense_is_a_fresh_start(handlers: Handlers, situation: str) -> None:
    assert handlers.opened(situation).temperature == "0"


def test_a_chosen_conversation_brings_its_models_and_settings(handlers: Handlers) -> None:
    sampling = Sampling(temperature=0.5, top_p=0.25, max_tokens=9, repetition_penalty=1.5, seed=4)
    asked = Choices(base="starter", adapters=("run:run1",), system="Scurt.", sampling=sampling)
    chat = handlers.chats.ask(None, Turn(question="Câte?", choices=asked)).id
    settled(handlers.chats, chat)
    shown = handlers.chosen(SimpleNamespace(id=chat))
    assert shown.adapters["value"] == ["run:run1"]
    assert shown[2:] == ("Scurt.", "0,5", "0,25", "9", "1,5", "4")
    assert handlers.opened(json.dumps({"chat": chat})).seed == "4"
    fields = handlers.chosen(SimpleNamespace(id=""))
    assert len(fields) == 8
    assert fields[0].get("__type__") == "update"


def test_a_preset_fills_the_system_prompt_and_the_pages_language_comes_first(handlers: Handlers) -> None:
    choices = handlers.preset_choices()
    assert choices[0] == ("nimic", "")
    assert choices[1][0].startswith("Română: ")
    assert {key for _, key in choices[1:]} == {one.id for one in presets.shipped()}
    assert handlers.preset("teacher-ro").startswith("Ești un profesor")
    assert handlers.preset("") == ""


def test_a_tiny_base_model_is_said_to_ignore_system_prompts(handlers: Handlers) -> None:
    assert handlers.small("starter")["visible"] is True
    assert handlers.small("nothing known")["visible"] is False


def test_the_base_follows_the_first_adapter(handlers: Handlers) -> None:
    assert handlers.base_for(["run:run1"], "other") == "starter"
    assert handlers.base_for(["run:run1"], "starter").get("__type__") == "update"
    assert handlers.base_for([], "other").get("__type__") == "update"
