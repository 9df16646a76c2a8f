"""The page in Romanian and Italian: no English word is left, not even Gradio's; another language keeps everything."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from backend.messages import catalogue
from studio.text import locale_words
from tests.browser.person import Studio, Watch, opened, signed_in, still, tab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
TABS = ("home", "models", "data", "train", "runs", "chat", "vision")
# What is seen, what a screen reader says, and what is said when one points at it or before one types.
SAID = """() => {
  const seen = (node) => node.checkVisibility({ visibilityProperty: true });
  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const around = texts.currentNode.parentElement;
    if (around && !["SCRIPT", "STYLE"].includes(around.tagName) && seen(around)) found.push(texts.currentNode.data);
  }
  for (const one of document.querySelectorAll("[aria-label], [title], [placeholder], [alt], [aria-description]"))
    if (seen(one))
      for (const name of ["aria-label", "title", "placeholder", "alt", "aria-description"])
        if (one.getAttribute(name)) found.push(one.getAttribute(name));
  return [...new Set(found.map((text) => text.trim().replace(/\\s+/g, " ")).filter(Boolean))];
}"""
# What the language is called stands there in that language.
NAMES = {"English", "Română", "Italiano"}
# Of Gradio's widgets, beside the words that it lets us replace.
GRADIOS = (
    "Click to upload or drop files", "File upload", "Upload file", "More tabs", "Remove this file", "Close", "Copied",
    "Click to Upload", "Drop File Here", "Uploading...", "Clear", "Textbox", "Dropdown", "Number", "Checkbox", "File",
    "No options", "Connection Lost", "Connection to the server was lost. Attempting reconnection...", "Loading",
    "Connection errored out.", "Invalid file type", "Only .jsonl allowed", "Copy",
)  # fmt: skip


def sentences(found: dict[str, str]) -> dict[str, str]:
    return {key: text for key, text in found.items() if re.search(r"[A-Za-z]{3}", text)}


def english(language: str) -> list[re.Pattern[str]]:
    """Every sentence that the page could say in English and says otherwise in this language, its places open."""
    written = []
    for words in (locale_words, catalogue):
        ours = words(language)
        written += [text for key, text in sentences(words("en")).items() if ours[key] != text]
    same = {text for words in (locale_words, catalogue) for text in words(language).values()}
    whole = [text for text in {*written, *GRADIOS} if text not in same | NAMES]
    parts = [re.split(r"\{\w+\}", text) for text in whole]
    # "{one} and {other}" fits anything that anybody writes, and is seen when it is not translated: its parts are.
    told = [part for part in parts if len(part) == 1 or len(re.sub("[^A-Za-z]", "", "".join(part))) > len("and")]
    return [
        re.compile(f"^{'.+'.join(map(re.escape, part))}$") for part in told if re.search("[A-Za-z]{3}", "".join(part))
    ]


def left(page: Page, patterns: list[re.Pattern[str]]) -> list[str]:
    said: list[str] = page.evaluate(SAID)
    assert len(said) > 10, "hardly anything is seen"
    return [text for text in said if any(pattern.match(text) for pattern in patterns)]


def opens_all_there_is(page: Page, name: str) -> None:
    """Everything of this tab that is folded."""
    for fold in page.locator(f"#tab-{name} :is(.opener, summary):visible").all():
        if fold.get_attribute("aria-expanded") != "true":
            fold.click()
    still(page)


def test_the_search_for_english_words_finds_them() -> None:
    patterns = english("ro")
    for text in ("Start training", "Uploaded “x” is one", "Rank must be 1–256.", "Click to upload or drop files"):
        found = any(pattern.match(text) for pattern in patterns)
        assert found == (text != "Uploaded “x” is one")
    assert not any(pattern.match(text) for pattern in patterns for text in ("Chat", "LoRA", "starter-lora", "Studio"))


@pytest.mark.parametrize("language", ["ro", "it"])
def test_no_tab_says_anything_in_english(studio: Studio, browser: Browser, language: str, tmp_path: Path) -> None:
    page = signed_in(browser, studio).new_page()
    patterns = english(language)
    opened(page, f"{studio.address}/{language}/")
    expect(page.locator("html")).to_have_attribute("lang", language)
    found: dict[str, list[str]] = {}
    for name in TABS:
        tab(page, name)
        if name == "runs":
            page.locator("#run-list button.run").first.click()
            expect(page.locator(".run-head h2")).not_to_be_empty()
            expect(page.locator(".run-details details").first).to_be_attached()
        opens_all_there_is(page, name)
        found[name] = left(page, patterns)
    for act in (goes_wrong_in_every_field, takes_a_wrong_file, loses_the_studio):
        act(page, studio)
        found[act.__name__] = left(page, patterns)
        page.screenshot(path=tmp_path / f"{act.__name__}.png")
    page.context.close()
    assert {where: what for where, what in found.items() if what} == {}


def goes_wrong_in_every_field(page: Page, _: Studio) -> None:
    """Each field that is seen says what is wrong with it."""
    tab(page, "train")
    fields = page.locator("#train-form .setting:has(textarea, input[type=text]:not([role=listbox])):visible")
    wrong = 0
    for field in fields.all():
        typed = field.locator("textarea, input").first
        if typed.get_attribute("role") is None:
            typed.fill("\u202e?")  # neither a number nor a word that can be seen
            wrong += 1
    page.locator("#train-name :is(textarea, input)").first.fill("a/b")
    assert wrong > 10
    expect(page.locator("#train-form .setting .fault:visible")).to_have_count(wrong)
    expect(page.locator("#train-name .fault")).to_be_visible()


def takes_a_wrong_file(page: Page, _: Studio) -> None:
    """Said at the field, whatever kind of file it is; what Gradio draws around it is said in this language too."""
    page.locator("#panel-data input[type=file]").set_input_files(
        {"name": "poza.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\n\0\0"}
    )
    expect(page.locator("#added .fault")).to_be_visible()
    page.locator("#panel-recipes input[type=file]").set_input_files(
        {"name": "poza.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\n\0\0"}
    )
    expect(page.locator("#recipe-said .fault")).to_be_visible()
    expect(page.locator(".toast-body")).to_have_count(0)


def loses_the_studio(page: Page, studio: Studio) -> None:
    """A press while the studio is away: its message too."""
    studio.kill_page()
    page.locator("#recipe-save").click()
    expect(page.locator(".toast-message-text").first).to_contain_text(locale_words_of(page)("live.lost"))
    studio.start_page()


def locale_words_of(page: Page) -> Callable[[str], str]:
    words = locale_words(page.evaluate("studioPage.language"))
    return lambda key: words[key]


def box(page: Page, name: str) -> Any:
    return page.locator(f"#{name} :is(textarea, input)").first


def test_another_language_keeps_the_tab_the_run_the_question_and_the_draft(studio: Studio, browser: Browser) -> None:
    watch = Watch(studio.address)
    page = watch.over(signed_in(browser, studio).new_page())
    opened(page, f"{studio.address}/en/")
    tab(page, "train")
    box(page, "field-schedule__learning_rate").fill("0.001")
    expect(page.locator("#changed")).to_have_text("One changed")
    box(page, "train-name").fill("mine")
    tab(page, "runs")
    page.locator("#run-list button.run").first.click()
    name = page.locator("#run-list button.run b").first.text_content() or "?"
    expect(page.locator(".run-head h2")).to_contain_text(name)
    for language in ("ro", "it"):
        page.get_by_title({"ro": "Română", "it": "Italiano"}[language]).click()
        expect(page.locator("html")).to_have_attribute("lang", language)
        expect(page.locator("#tab-runs-button")).to_have_attribute("aria-selected", "true")
        expect(page.locator(".run-head h2")).to_contain_text(name)
        expect(page.locator("#tab-runs-button")).to_have_text(re.compile(locale_words(language)["tab.runs"]))
        tab(page, "train")
        expect(box(page, "train-name")).to_have_value("mine")
        expect(box(page, "field-schedule__learning_rate")).to_have_value("0.001")
        expect(page.locator("#changed")).to_have_text(locale_words(language)["train.changed.one"])
        tab(page, "runs")
    tab(page, "train")
    page.reload()
    expect(page.locator("#tab-train-button")).to_have_attribute("aria-selected", "true")
    expect(box(page, "train-name")).to_have_value("mine")
    kept = json.loads(page.evaluate("studioPage.draft()"))
    assert kept["name"] == "mine"
    assert (watch.outside, watch.broken) == ([], [])
    page.context.close()
