"""Every tab, light and dark, on a screen and on a phone, is looked over by axe for what WCAG 2.2 AA asks."""

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from backend.chats.model import Answer, Choices, Conversation, Turn
from studio.services.door import Services
from studio.text import Words
from tests import photos
from tests.browser.person import Studio, opened, running, signed_in, still, tab
from tests.browser.test_runs_page import Runs

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
# What a tab shows last when it is opened.
TABS = {
    "home": "#machine", "models": ".hub-model", "data": "#data-here li", "train": ".forecast .verdict",
    "runs": "figure.chart canvas", "chat": ".idea",
    "vision": "#ask-panes .ideas p",
}  # fmt: skip
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


# What fades in has its own colours only afterwards.
COME_TO_REST = (
    "document.getAnimations().every((one) => one.playState !== 'running' || one.effect.getTiming().iterations > 9)"
)


def faults(page: Page) -> list[str]:
    """What axe finds wrong with what is visible now, one line each."""
    page.wait_for_function(COME_TO_REST)
    found: dict[str, Any] = Axe().run(page, options={"runOnly": RULES}).response
    return [f"{fault['id']}: {node['html'][:200]}" for fault in found["violations"] for node in fault["nodes"]]


def test_every_tab_can_be_read_and_used_by_everybody(studio: Studio, browser: Browser) -> None:
    found: dict[str, list[str]] = {}
    for colours in ("light", "dark"):
        for width, height in ((1366, 768), (360, 740)):
            context = signed_in(browser, studio, color_scheme=colours, viewport={"width": width, "height": height})
            page = context.new_page()
            opened(page, f"{studio.address}/ro/")
            for name, last in TABS.items():
                tab(page, name)
                expect(page.locator(last).first).to_be_visible()
                found[f"{name}, {colours}, {width}"] = faults(page)
                wide = page.evaluate("document.documentElement.scrollWidth")
                found[f"{name}, {colours}, {width} wide"] = [f"it is {wide} wide"] if wide > width else []
            context.close()
    assert {where: what for where, what in found.items() if what} == {}


def test_what_is_unfolded_waits_or_was_answered_can_be_read_too(browser: Browser, tmp_path: Path) -> None:
    """Every panel with a fault in a field; a queue, a run and two compared; a conversation that is corrected."""
    found: dict[str, list[str]] = {}
    with running(tmp_path, supervised=False) as studio:
        fill(Services.at(studio.workspace))
        for colours, width, height in (("light", 1366, 768), ("dark", 360, 740)):
            context = signed_in(browser, studio, color_scheme=colours, viewport={"width": width, "height": height})
            page = context.new_page()
            opened(page, f"{studio.address}/ro/")
            for show in (unfolded, queued, compared, corrected, pictured):
                show(page)
                still(page)
                found[f"{show.__name__}, {colours}, {width}"] = faults(page)
                wide = page.evaluate("document.documentElement.scrollWidth")
                found[f"{show.__name__}, {colours}, {width} wide"] = [f"it is {wide} wide"] if wide > width else []
            context.close()
    assert {where: what for where, what in found.items() if what} == {}


def fill(services: Services) -> None:
    """Two runs that wait, one that is done, and a conversation."""
    runs = Runs(services.workspace.root)
    runs.has("una")
    runs.has("alta")
    runs.has("gata", "done")
    choices = Choices(base="starter")
    answer = Answer(model="starter", label="Model de început", text="Pinguinul are două picioare.", state="done")
    turn = Turn(question="Câte picioare are pinguinul?", choices=choices, answers=(answer,))
    services.chats.desk.chats.add(services.person, Conversation(title="Pinguin", choices=choices, turns=(turn,)))
    seen = choices.model_copy(update={"sight": True})
    shown = services.chats.pictures.take(services.person, "x.png", photos.written(photos.drawn()))
    about = turn.model_copy(update={"choices": seen, "pictures": (shown,), "reference": "Două."})
    services.chats.desk.chats.add(services.person, Conversation(title="Poză", choices=seen, turns=(about,)))


def unfolded(page: Page) -> None:
    tab(page, "train")
    expect(page.locator(".forecast .verdict")).to_be_visible()
    for group in ("length", "adapter", "learning", "memory", "watching", "command", "data", "recipes"):
        page.locator(f"#open-{group}").click()
        expect(page.locator(f"#panel-{group}")).to_be_visible()
    page.locator("#field-lora__rank input, #field-lora__rank textarea").first.fill("abc")
    expect(page.locator("#field-lora__rank .fault")).to_be_visible()


def queued(page: Page) -> None:
    tab(page, "runs")
    page.locator(".group.queue button.run").first.click()
    expect(page.locator(".run-head h2")).to_contain_text("una")
    page.locator(".run-more summary").click()
    expect(page.locator("#run-note")).to_be_visible()


def compared(page: Page) -> None:
    page.get_by_role("button", name=Words("ro").t("live.compare.open")).click()
    expect(page.locator(".compare .pick input").first).to_be_visible()


def corrected(page: Page) -> None:
    tab(page, "chat")
    if not page.locator("#chat-list li button").first.is_visible():
        page.locator("#chat-list summary").first.click()
    page.locator("#chat-list li button").first.click()
    page.locator(".chat-view").get_by_role("button", name="Corectează…").click()
    expect(page.locator("[data-key=correct-field]")).to_be_visible()


def pictured(page: Page) -> None:
    """A conversation about a picture, its right answer being written, another picture on its way."""
    tab(page, "vision")
    if not page.locator("#ask-list li button").first.is_visible():
        page.locator("#ask-list summary").first.click()
    page.locator("#ask-list li button").first.click()
    page.locator("#ask-question input[type=file]").set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": photos.written(photos.drawn(shade=9))}
    )
    expect(page.locator(".tray img")).to_have_count(1)
    page.locator("#ask-panes").get_by_role("button", name=Words("ro").t("live.ask.reference")).click()
    expect(page.locator("[data-key=reference-field]")).to_be_visible()
