"""Without a mouse: one stop for the row of tabs, a way past it, and the focus is never lost by what one has pressed."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from studio.text import Words
from tests.browser.person import Studio, Watch, opened, running, signed_in, still, tab
from tests.browser.walk import SHIPPED, think_nothing

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
TABS = ("home", "models", "data", "train", "runs", "chat", "vision")
WORDS = Words("ro")


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """Nobody trains here, so no supervisor: what is started waits in the queue."""
    with running(tmp_path_factory.mktemp("keyboard"), supervised=False) as studio:
        think_nothing(studio)
        yield studio


@pytest.fixture
def page(studio: Studio, browser: Browser) -> Iterator[Page]:
    watch = Watch(studio.address)
    page = watch.over(signed_in(browser, studio).new_page())
    opened(page, f"{studio.address}/ro/")
    yield page
    assert (watch.outside, watch.broken) == ([], [])
    page.context.close()


def presses(there: Locator, key: str = "Enter") -> None:
    """As one does who has come there by keyboard."""
    there.focus()
    expect(there).to_be_focused()
    there.press(key)


def button(page: Page, key: str) -> Locator:
    return page.get_by_role("button", name=WORDS.t(key), exact=True).first


def test_the_row_of_tabs_is_one_stop_and_arrows_lead_along_it(page: Page) -> None:
    row = {
        name: page.locator(f"#tab-{name}-button")
        for name in ("home", "models", "data", "train", "runs", "chat", "vision")
    }
    expect(row["home"]).to_have_attribute("tabindex", "0")
    row["home"].focus()
    for key, name in (("ArrowRight", "models"), ("End", "vision"), ("ArrowRight", "home"), ("ArrowLeft", "vision"),
                      ("ArrowLeft", "chat"), ("Home", "home")):  # fmt: skip
        page.keyboard.press(key)
        expect(row[name]).to_be_focused()
        expect(row[name]).to_have_attribute("aria-selected", "true")
        expect(page.locator(f"#tab-{name}")).to_be_visible()
        for other, there in row.items():
            expect(there).to_have_attribute("tabindex", "0" if other == name else "-1")


def test_the_first_press_of_the_tab_key_offers_a_way_to_the_content(page: Page) -> None:
    for name in TABS:
        tab(page, name)
        skip = page.get_by_role("link", name=WORDS.t("live.skip"))
        skip.focus()
        expect(skip).to_be_in_viewport(ratio=1)
        skip.press("Enter")
        expect(page.locator(f"#tab-{name} h1")).to_be_focused()
        expect(page.get_by_role("heading", level=1)).to_have_count(1)


def test_from_home_over_train_to_the_started_run_the_focus_goes_along(page: Page) -> None:
    presses(page.locator("#first"))
    expect(page.locator("#tab-train h1")).to_be_focused()
    expect(page.locator("#start")).to_be_enabled()
    presses(page.locator("#start"))
    expect(page.locator("#tab-runs-button")).to_have_attribute("aria-selected", "true")
    head = page.locator(".run-head")
    expect(head).to_be_focused()
    expect(page.get_by_role("region", name=re.compile("^starter-lora"))).to_be_focused()
    head.locator(".run-more summary").press("Enter")
    asks = head.locator("[data-action=delete]")
    presses(asks)
    expect(head.locator("[data-action=delete-now]")).to_be_focused()
    page.keyboard.press("Escape")
    expect(head.locator("[data-action=delete]")).to_be_focused()
    expect(head.locator("[data-action=delete-now]")).to_have_count(0)


def test_esc_closes_the_help_of_a_field(page: Page) -> None:
    tab(page, "train")
    more = page.locator("#train-form .setting .more:visible").first
    presses(more)
    help_text = page.locator(f"#{more.get_attribute('aria-controls')}")
    expect(help_text).to_be_visible()
    page.keyboard.press("Escape")
    expect(help_text).to_be_hidden()
    expect(more).to_be_focused()
    expect(more).to_have_attribute("aria-expanded", "false")


def test_a_form_in_the_chat_that_is_left_gives_the_focus_back_to_its_button(page: Page) -> None:
    tab(page, "chat")
    page.locator("#question textarea").fill("Cum te cheamă?")
    page.keyboard.press("Enter")
    expect(page.locator(".reply[data-state=writing] .words").first).to_contain_text("word2")
    page.keyboard.press("Escape")
    expect(page.locator("#question .send")).to_be_visible()
    still(page)
    for word, field in (
        ("live.chat.edit", "edit-field"),
        ("live.chat.correct", "correct-field"),
        ("live.chat.rename", "title"),
    ):
        presses(button(page, word))
        expect(page.locator(f"[data-key={field}]")).to_be_focused()
        page.keyboard.press("Escape")
        expect(button(page, word)).to_be_focused()
    presses(button(page, "live.chat.delete"))
    expect(button(page, "live.chat.delete.now")).to_be_focused()
    page.keyboard.press("Escape")
    expect(button(page, "live.chat.delete")).to_be_focused()
    expect(page.locator(".turn")).to_have_count(1)


def test_what_takes_an_adapter_away_is_called_by_its_name(page: Page) -> None:
    tab(page, "chat")
    cross = page.locator("#chat-adapters").get_by_role(
        "button", name=WORDS.t("live.widget.remove", name=SHIPPED.name), exact=True
    )
    expect(cross).to_be_visible()
    presses(cross, " ")
    expect(cross).to_have_count(0)


def test_with_forced_colours_it_is_seen_where_one_types(studio: Studio, browser: Browser) -> None:
    context = signed_in(browser, studio, forced_colors="active", viewport={"width": 360, "height": 740})
    page = context.new_page()
    opened(page, f"{studio.address}/ro/")
    tab(page, "chat")
    page.locator("#question textarea").focus()
    expect(page.locator("#question textarea")).to_have_css("outline-style", "solid")
    expect(page.locator("#question textarea")).to_have_css("outline-width", "2px")
    assert page.locator(".history > summary").evaluate("(one) => one.getBoundingClientRect().height") >= 24
    context.close()
