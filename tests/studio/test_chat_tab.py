from typing import Any

import pytest

from backend.errors import ChatError
from studio.tabs import chat
from studio.tabs.chat import Handlers
from studio.text import Words
from studio.views.chat import answered, conversation, plain
from studio.views.chat import asked as put_question
from tests.fakes import FakeServices, job

SETTINGS = {"system": "", "temperature": "0", "max_tokens": "128"}


@pytest.fixture
def handlers(services: FakeServices) -> Handlers:
    services.jobs = {"run1": job(1, "first"), "run2": job(2, "second")}
    return Handlers(services, Words("en"))  # type: ignore[arg-type]


def asked(question: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "text", "text": question}]}]


def test_opening_the_chat_wants_the_engine_and_puts_the_newest_run_beside_its_base(
    handlers: Handlers, services: FakeServices
) -> None:
    base, adapter = handlers.opened(None, None)
    assert services.asked == [("want_engine", None)]
    assert (base["value"], adapter["value"]) == ("starter", "run:run2")
    assert adapter["choices"] == [("none", ""), ("second", "run:run2"), ("first", "run:run1")]
    assert handlers.opened("starter", "run:run1")[1]["value"] == "run:run1"
    assert handlers.opened("starter", "run:gone")[1]["value"] == "run:run2"


def test_a_question_goes_to_both_and_the_field_is_free_again(handlers: Handlers) -> None:
    field, left, right = handlers.ask(" Hello? ", [], [], "run:run1")
    assert (field, left, right) == (
        "",
        [{"role": "user", "content": "Hello?"}],
        [{"role": "user", "content": "Hello?"}],
    )
    assert handlers.ask("Hello?", [], [], "")[2] == []
    assert handlers.ask("  ", left, right, "run:run1") == ("", left, right)


def test_an_answer_grows_word_by_word_and_the_model_hears_the_whole_conversation(
    handlers: Handlers, services: FakeServices
) -> None:
    settings = {"system": "Be short.", "temperature": "0,7", "max_tokens": "64"}
    shown = list(handlers.answer(asked("Câte?"), "run:run1", **settings))
    assert [turns[-1]["content"] for turns in shown][:2] == ["Câinele ", "Câinele are "]
    _, (messages, model, sampling) = services.asked[-1]
    assert messages == [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Câte?"}]
    assert (model, sampling.temperature, sampling.max_tokens) == ("run:run1", 0.7, 64)


def test_a_silent_model_is_said_to_have_been_silent(handlers: Handlers, services: FakeServices) -> None:
    services.reply = ""
    services.stream = lambda *_: iter(())  # type: ignore[method-assign, assignment]
    assert list(handlers.answer(asked("?"), "starter", **SETTINGS))[-1][-1]["content"] == "(It said nothing.)"


def test_nothing_is_asked_without_a_model_or_a_question(handlers: Handlers, services: FakeServices) -> None:
    assert list(handlers.answer(asked("?"), "", **SETTINGS)) == []
    assert list(handlers.answer([], "starter", **SETTINGS)) == []
    assert services.asked == []


@pytest.mark.parametrize(
    "wrong", [{"temperature": "nan"}, {"temperature": "warm"}, {"max_tokens": "-5"}, {"max_tokens": "1,5"}]
)
def test_settings_that_cannot_be_are_refused_with_a_sentence(handlers: Handlers, wrong: dict[str, str]) -> None:
    with pytest.raises(ChatError) as refused:
        list(handlers.answer(asked("?"), "starter", **{**SETTINGS, **wrong}))
    assert refused.value.say("ro")


def test_while_the_engine_starts_there_is_a_sentence_and_after_too_long_an_error(
    handlers: Handlers, services: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.engine_ready = lambda: False  # type: ignore[method-assign]
    monkeypatch.setattr(chat, "ENGINE_SECONDS", 0.0)
    waiting = handlers.answer(asked("?"), "starter", **SETTINGS)
    assert next(waiting)[-1]["content"] == "The model is being loaded…"
    with pytest.raises(ChatError):
        next(waiting)


@pytest.mark.parametrize("text", ["<img src=x onerror=alert(1)>", "a < b && c > d", "&lt;b&gt;", "<script>", "Știi?"])
def test_markup_is_shown_as_text_and_the_model_hears_what_was_written(text: str) -> None:
    turns = answered(put_question([], text), text)
    assert all("<" not in turn["content"] for turn in turns)
    assert [turn["content"] for turn in conversation(turns, "")] == [text, text]


def test_text_from_gradio_is_put_together_and_pictures_are_left_out() -> None:
    assert plain([{"type": "text", "text": "a"}, {"type": "file", "file": {}}, {"type": "text", "text": "b"}]) == "ab"
    assert conversation([], " ") == []
