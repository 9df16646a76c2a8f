"""What must hold of every event, label and piece of markup of the page, in every language."""

import ast
import inspect
import re
from collections import Counter
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from backend.messages import LANGUAGES, catalogue
from studio.framework import gr
from studio.pages import TABS, build_page
from studio.services.door import Services
from studio.text import Words, locale_words
from studio.views.html import SafeHtml
from tests.fakes import FakeServices

STUDIO = Path(__file__).resolve().parents[2] / "studio"
MOST_OUTPUTS = 12
# Views that return SafeHtml.
MADE = {"element", "greeting", "doors", "field_words"}
TEXTS = ("label", "info", "placeholder", "title")
OWN_WORDS = {"Starter, 2 million", "Romanian chats", "First adapter (LoRA)"}


@pytest.fixture(scope="module", params=LANGUAGES)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, gr.Blocks]:
    fake = FakeServices(tmp_path_factory.mktemp("services"))
    return request.param, build_page(fake, Words(request.param))  # type: ignore[arg-type]


def handler_of(event: Any) -> Any:
    """The handler behind the guard and behind a partial."""
    fn = inspect.unwrap(event.fn)
    return getattr(fn, "func", fn)


def test_every_event_is_private(built: tuple[str, gr.Blocks]) -> None:
    events = list(built[1].fns.values())
    assert len(events) > 30
    assert [event.api_name for event in events if event.api_visibility != "private"] == []


def test_every_text_is_of_the_pages_language(built: tuple[str, gr.Blocks]) -> None:
    language, page = built
    known = {*locale_words(language).values(), *catalogue(language).values(), *OWN_WORDS}
    said = [
        (type(block).__name__, name, getattr(block, name, None)) for block in page.blocks.values() for name in TEXTS
    ]
    assert [one for one in said if one[2] and one[2] not in known and one[2] != Words(language).t("studio.name")] == []
    buttons = [block.value for block in page.blocks.values() if isinstance(block, gr.Button)]
    assert len(buttons) > 10
    assert [value for value in buttons if value not in known] == []


def test_every_field_has_a_label(built: tuple[str, gr.Blocks]) -> None:
    kinds = (gr.Textbox, gr.Dropdown, gr.Checkbox, gr.Chatbot)
    fields = [block for block in built[1].blocks.values() if isinstance(block, kinds) and block.visible is True]
    assert len(fields) > 20
    assert [type(block).__name__ for block in fields if not block.label] == []


def test_no_event_changes_more_than_twelve_things(built: tuple[str, gr.Blocks]) -> None:
    large = [handler_of(event) for event in built[1].fns.values() if len(event.outputs) > MOST_OUTPUTS]
    assert large == []


def test_a_tab_changes_only_what_is_its_own(built: tuple[str, gr.Blocks]) -> None:
    owner = {}
    for event in built[1].fns.values():
        module = getattr(handler_of(event), "__module__", "") if event.fn else ""
        if module.startswith("studio.tabs."):
            for output in event.outputs:
                owner.setdefault(output._id, set()).add(module)
    assert owner
    assert [names for names in owner.values() if len(names) > 1] == []


def test_whatever_fills_a_piece_of_markup_promises_that_it_is_safe(built: tuple[str, gr.Blocks]) -> None:
    """gr.HTML executes what it is given: its handlers must be typed to return SafeHtml in that place."""
    filled = 0
    for event in built[1].fns.values():
        places = [position for position, output in enumerate(event.outputs) if isinstance(output, gr.HTML)]
        if not places or not event.fn:
            continue
        promised = get_type_hints(handler_of(event))["return"]
        kinds = list(get_type_hints(promised).values()) if hasattr(promised, "_fields") else [promised]
        assert [kinds[position] for position in places] == [SafeHtml] * len(places)
        filled += len(places)
    assert filled > 0


def markup_calls() -> list[tuple[str, ast.Call]]:
    found = []
    for path in STUDIO.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            named = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "HTML"
            if named:
                found.append((path.name, node))
    return found


def test_markup_is_constant_or_comes_from_the_one_maker_of_it() -> None:
    calls = markup_calls()
    assert len(calls) >= 3
    for name, call in calls:
        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
        assert isinstance(keywords["html_template"], ast.Constant), name
        value = call.args[0] if call.args else keywords.get("value")
        made = isinstance(value, ast.Call) and getattr(value.func, "attr", getattr(value.func, "id", "")) in MADE
        assert value is None or made, f"{name}: the value of gr.HTML must come from a view that returns SafeHtml"


def test_scripts_of_the_page_never_write_markup() -> None:
    scripts = sorted((STUDIO / "assets").glob("*.js"))
    assert len(scripts) >= 4
    for script in scripts:
        text = script.read_text(encoding="utf-8")
        assert [
            bad for bad in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(") if bad in text
        ] == []
        assert "http://" not in text
        assert "https://" not in text


def test_every_word_the_scripts_say_is_in_the_catalogue() -> None:
    said = {key.removeprefix("live.") for key in locale_words("en") if key.startswith("live.")}
    code = "".join(path.read_text(encoding="utf-8") for path in (STUDIO / "assets").glob("*.js"))
    used = set(re.findall(r'\bt\("([\w.]+)"', code))
    assert used <= said
    phases = (
        "loading",
        "quantising",
        "checking",
        "training",
        "evaluating",
        "answering",
        "saving",
        "downloading",
        "merging",
    )
    composed = {f"phase.{name}" for name in phases} | {f"verdict.{n}" for n in ("learned", "forgotten", "why", "try")}
    assert said - used <= composed


def test_the_fakes_do_what_the_services_do() -> None:
    def signatures(kind: type) -> dict[str, list[str]]:
        methods = {name: method for name, method in vars(kind).items() if callable(method) and not name.startswith("_")}
        return {name: list(inspect.signature(method).parameters) for name, method in methods.items()}

    real = {name: names for name, names in signatures(Services).items() if name != "at"}
    fake = signatures(FakeServices)
    assert {name: fake.get(name) for name in real} == real


def test_no_tab_is_listed_twice_and_each_has_its_name_in_every_language() -> None:
    assert [name for name, count in Counter(name for name, _ in TABS).items() if count > 1] == []
    assert all(f"tab.{name}" in locale_words(language) for name, _ in TABS for language in LANGUAGES)


def test_more_events_run_at_once_than_gradio_allows_by_itself(built: tuple[str, gr.Blocks]) -> None:
    assert built[1].max_threads == 200
    assert built[1]._queue.max_thread_count == 200


def test_a_page_that_rests_does_not_keep_the_processor_busy(built: tuple[str, gr.Blocks]) -> None:
    """Gradio's queue looks for work a thousand times a second unless it is told otherwise."""
    assert built[1]._queue.sleep_when_free >= 0.05
    assert built[1]._queue.progress_update_sleep_when_free >= 0.05
