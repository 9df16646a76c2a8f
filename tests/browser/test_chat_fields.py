"""What people type into the chat by mistake: the message stands at the field, and what was typed stays in it."""

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from backend.paths import ROOT
from tests.browser.person import Studio, Watch, opened, running, signed_in, tab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
PROBE = "<img src=x onerror=window.PWN=1>\u202e👩\u200d👧 ze\u200bro {0.__class__} $(id)"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """With an engine that thinks nothing."""
    with running(tmp_path_factory.mktemp("fields"), supervised=False) as studio:
        command = [sys.executable, "-m", "benchmarks.living.engine", str(studio.workspace)]
        studio.processes["engine"] = subprocess.Popen(command, cwd=ROOT, stdout=studio.log, stderr=studio.log)
        yield studio


@pytest.fixture(scope="module")
def page(studio: Studio, browser: Browser) -> Iterator[Page]:
    watch = Watch(studio.address)
    page = watch.over(signed_in(browser, studio, locale="en-US").new_page())
    opened(page, f"{studio.address}/en/")
    tab(page, "chat")
    expect(page.locator(".idea").first).to_be_visible()
    yield page
    assert watch.broken == []
    assert watch.outside == []
    assert page.evaluate("window.PWN") is None
    page.context.close()


def question(page: Page) -> Locator:
    return page.locator("#question textarea")


def setting(page: Page, name: str) -> Locator:
    return page.locator(f"#chat-{name} :is(input, textarea)")


def test_a_question_that_is_none_is_refused_below_its_field(page: Page) -> None:
    for text, said in (
        ("   ", "Write a question"),
        ("\u200b", "Write a question"),
        ("a\x07b", "U+0007, position 2"),
        ("cuvânt și " * 10_001 + ".", "at most 100\u202f000"),
        ("cuvânt și " * 110_000 + ".", "too large"),
    ):
        question(page).evaluate(
            "(field, text) => { field.value = text; field.dispatchEvent(new Event('input')); }", text
        )
        page.locator("#question .send").click()
        expect(page.locator("#chat-said")).to_contain_text(said)
        expect(question(page)).to_have_attribute("aria-invalid", "")
        assert question(page).input_value() == text
    expect(page.locator("#chat-list li button")).to_have_count(0)


def test_any_other_text_is_asked_and_shown_as_it_was_written(page: Page) -> None:
    question(page).fill(PROBE)
    page.locator("#question .send").click()
    expect(page.locator(".asked .words").first).to_have_text(PROBE)
    expect(page.locator("#chat-said")).to_be_empty()
    expect(question(page)).to_have_value("")
    expect(page.locator("#question .stop")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#question .send")).to_be_visible()
    expect(page.locator(".chat-scroll img")).to_have_count(0)


def test_each_setting_says_what_is_wrong_with_it_while_it_is_typed_and_keeps_it(page: Page) -> None:
    page.locator("#chat-settings > button, #chat-settings .label-wrap").first.click()
    expect(setting(page, "seed")).to_be_visible()
    for name, wrong, said, right in (
        ("temperature", "2,5", "from 0 to 2, not “2.5”", "0,5"),
        ("top_p", "nan", "at most 1, not “nan”", "0.9"),
        ("max_tokens", "", "not empty", "1,000"),
        ("repetition_penalty", "<b>x</b>", "not “<b>x</b>”", "1"),
        ("seed", "9" * 60, "not “99999", "42"),
        ("system", "a" * 20_001, "at most 20\u202f000", "Short."),
    ):
        setting(page, name).fill(wrong)
        expect(page.locator(f"#chat-{name}-fault")).to_contain_text(said)
        expect(setting(page, name)).to_have_value(wrong)
        expect(setting(page, name)).to_have_attribute("aria-describedby", re.compile(f"chat-{name}-fault"))
        question(page).fill("Still here?")
        page.locator("#question .send").click()
        expect(page.locator("#chat-said")).to_contain_text(said)
        expect(question(page)).to_have_value("Still here?")
        expect(setting(page, name)).to_have_value(wrong)
        setting(page, name).fill(right)
        expect(page.locator(f"#chat-{name}-fault")).to_have_count(0)
    page.locator("#question .send").click()
    expect(page.locator(".turn")).to_have_count(2)
    expect(page.locator("#chat-said")).to_be_empty()
    page.keyboard.press("Escape")
    expect(page.locator("#question .send")).to_be_visible()


@pytest.mark.parametrize(
    ("button", "field", "save", "wrong"),
    [
        ("Edit", "[data-key=edit-field]", "Ask this instead", [("  ", "Write a question"), ("a\x07", "U+0007")]),
        ("Correct…", "[data-key=correct-field]", "Save", [("\u200b", "as it should have been"), ("a\x07", "U+0007")]),
        ("Rename", "#chat-name", "Save", [(" ", "1 to 100"), ("a" * 101, "1 to 100"), ("a\u202eb", "U+202E")]),
    ],
)
def test_small_forms_say_it_at_their_field_and_keep_what_was_typed(
    page: Page, button: str, field: str, save: str, wrong: list[tuple[str, str]]
) -> None:
    turns = page.locator(".turn").count()
    page.locator(".chat-view").get_by_role("button", name=button, exact=True).last.click()
    form = page.locator("form.inline")
    for text, said in wrong:
        page.locator(field).fill(text)
        form.get_by_role("button", name=save, exact=True).click()
        expect(form.get_by_role("alert")).to_contain_text(said)
        expect(page.locator(field)).to_have_value(text)
        expect(page.locator(field)).to_have_attribute("aria-invalid", "")
    page.locator(field).press("Escape")
    expect(form).to_have_count(0)
    expect(page.locator(".turn")).to_have_count(turns)
    expect(page.locator("#chat-list li button")).to_have_count(1)


def test_whatever_is_searched_is_searched_as_text(page: Page) -> None:
    search = page.get_by_label("Search in titles and texts")
    for text in ("%", "_x_", "a" * 5000, "<script>", "'; --"):
        search.fill("still HERE")
        expect(page.locator("#chat-list li button")).to_have_count(1)
        search.fill(text)
        expect(page.locator("#chat-list li.detail")).to_have_text("Nothing found.")
        expect(search).to_have_value(text)
    search.fill("")
    expect(page.locator("#chat-list li button")).to_have_count(1)
