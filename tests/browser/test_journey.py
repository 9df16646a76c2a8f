"""One person's way through the page in a real browser; studio, supervisor, job and engine are real processes."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.person import LONG, TOKEN, Studio, Watch, opened, still, tab, typed, window

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]


def test_train_watch_reload_and_chat(studio: Studio, browser: Browser, tmp_path: Path) -> None:
    watch = Watch(studio.address)
    page = watch.over(window(browser, locale="ro-RO").new_page())
    try:
        comes_in(page, studio)
        adds_examples(page, tmp_path)
        chooses(page, studio)
        starts_and_watches(page)
        comes_back(page)
        asks_both(page)
    except BaseException:
        page.screenshot(path=tmp_path / "failed.png")
        raise
    assert watch.outside == []
    assert watch.broken == []
    assert page.evaluate("Object.keys(window).filter((name) => name.startsWith('PWN'))") == []
    resident, mapped = studio.memory_and_libraries()
    assert resident < 300 * 10**6
    assert "torch" not in mapped


def comes_in(page: Page, studio: Studio) -> None:
    """Without a session one plain page; with the token from the terminal the studio, in the browser's language."""
    page.goto(studio.address)
    expect(page.get_by_text("deschide adresa afișată în terminal")).to_be_visible()
    opened(page, f"{studio.address}/?token={TOKEN}")
    expect(page).to_have_url(f"{studio.address}/ro/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Învață un model de limbaj ceva nou")
    page.locator("#first").click()


def adds_examples(page: Page, folder: Path) -> None:
    """A file with a broken line is explained; without that line it is added and chosen."""
    rows = [chat(f"Cât fac {n} plus {n}?", f"{n} plus {n} fac {n + n}.") for n in range(10, 40)]
    page.get_by_text("Adaugă exemplele mele").click()
    file = folder / "adunări.jsonl"
    file.write_text("\n".join([*rows, "{broken"]), encoding="utf-8")
    page.locator("#panel-data input[type=file]").set_input_files(file)
    expect(page.locator("#added")).to_contain_text("31")
    page.get_by_label("Sari peste liniile cu greșeli").check()
    page.locator("#data-again").click()
    expect(page.locator("#added")).to_contain_text("30 de exemple")
    still(page)


def chat(question: str, answer: str) -> str:
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": turns}, ensure_ascii=False)


def chooses(page: Page, studio: Studio) -> None:
    """The forecast is there; a name that cannot be is refused beside the button; a killed studio loses nothing."""
    expect(page.locator(".forecast .verdict")).to_contain_text("Încape")
    typed(page, "Numele rulării", "<img src=x onerror=window.PWN=1>")
    expect(page.locator("#missing")).to_contain_text("nu este permis")
    expect(page.locator("#start")).to_be_disabled()
    page.locator("#open-length").click()
    typed(page, "Numele rulării", "prima mea")
    typed(page, "Numărul maxim de pași", "6")
    expect(page.locator("#changed")).to_have_text("O setare schimbată")
    expect(page.locator("#start")).to_be_enabled()
    studio.kill_page()
    studio.start_page()
    opened(page, f"{studio.address}/ro/")
    tab(page, "train")
    expect(page.get_by_label("Numele rulării").locator("visible=true").first).to_have_value("prima mea")
    page.locator("#open-length").click()
    expect(page.locator("#field-schedule__max_steps :is(textarea, input)").first).to_have_value("6")
    expect(page.locator("#start")).to_be_enabled()


def starts_and_watches(page: Page) -> None:
    """The chosen run is shown, and its loss appears without anything being pressed."""
    page.locator("#start").click()
    expect(page.locator(".run-head h2")).to_contain_text("prima mea")
    expect(page.locator(".chart.loss canvas")).to_be_visible(timeout=LONG)
    page.wait_for_function("Number(document.querySelector('.charts')?.dataset.points) >= 2", timeout=LONG)


def comes_back(page: Page) -> None:
    """After a reload the run is still there, with its curve and its answers; it ends well."""
    page.reload()
    tab(page, "runs")
    expect(page.locator(".run-head h2")).to_contain_text("prima mea")
    expect(page.locator(".run-head .state.done")).to_be_visible(timeout=LONG)
    page.wait_for_function("Number(document.querySelector('.charts')?.dataset.points) === 6")
    expect(page.locator(".book .asked").first).to_be_visible()


def asks_both(page: Page) -> None:
    """Base and adapter answer the same question side by side, and the markup in it stays text."""
    tab(page, "chat")
    expect(page.locator("#chat-adapters")).to_contain_text("prima mea")
    expect(page.locator(".idea").first).to_be_visible()
    question = "Câte picioare are pinguinul? <img src=x onerror=window.PWN2=1>"
    page.locator("#question textarea").press_sequentially(question)
    page.keyboard.press("Enter")
    expect(page.locator(".chat .asked .words").last).to_have_text(question)
    for pane in (".reply.pane-0", ".reply.pane-1"):
        expect(page.locator(f"{pane}[data-state=done]")).to_be_visible(timeout=LONG)
        expect(page.locator(f"{pane} .words").last).to_contain_text(re.compile(r"\S"))
    expect(page.locator(".toast-body.error")).to_have_count(0)
