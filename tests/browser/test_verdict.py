"""The verdict card in a browser: read, its figures unfolded, its advice opened in Train, its run chatted with."""

import pytest
from playwright.sync_api import Browser, Page, expect

from backend.jobs import recorded
from tests.browser.person import TOKEN, Studio, Watch, opened, tab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
SHIPPED = recorded.every()[0].id


@pytest.fixture
def page(studio: Studio, browser: Browser) -> Page:
    shown = browser.new_context(locale="en", viewport={"width": 1366, "height": 768}).new_page()
    opened(shown, f"{studio.address}/?token={TOKEN}")
    opened(shown, f"{studio.address}/en/#run={SHIPPED}")
    tab(shown, "runs")
    expect(shown.locator(".verdict-card")).to_be_visible()
    return shown


def test_the_card_says_what_was_learned_and_forgotten_and_how_sure_that_is(page: Page) -> None:
    card = page.get_by_role("article", name="It learned")
    for heading in ("What was learned", "What was forgotten", "Why", "What to try"):
        expect(card.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    expect(card.locator(".forgotten li").first).to_contain_text("English: 30 of 30 right before")
    expect(card.locator(".proof li").first).to_be_hidden()
    card.get_by_text("How sure is this?").click()
    expect(card.locator(".proof li").first).to_contain_text("points of 100")


def test_an_advice_opens_train_with_its_recipe_already_chosen(page: Page, studio: Studio) -> None:
    watch = Watch(studio.address)
    watch.over(page)
    page.get_by_role("button", name="Mix in what it knew").click()
    expect(page.locator("#start")).to_be_visible()
    expect(page.get_by_label("Recipe", exact=True).first).to_have_value("Romanian without forgetting")
    assert watch.broken == []
    assert watch.outside == []


def test_an_advice_opens_train_with_the_setting_it_names(page: Page) -> None:
    page.get_by_role("button", name="A lower learning rate: 0.002").click()
    expect(page.locator("#start")).to_be_visible()
    expect(page.get_by_label("Learning rate").locator("visible=true").first).to_have_value("0.002")


def test_one_chats_with_what_was_trained(page: Page) -> None:
    page.locator(".verdict-card").get_by_role("button", name="Chat with it").click()
    expect(page.locator("#tab-chat-button")).to_have_attribute("aria-selected", "true")


@pytest.mark.parametrize("width", [390, 360])
def test_the_card_fits_on_a_phone(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    box = page.locator(".verdict-card").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
