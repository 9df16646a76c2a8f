"""The verdict card in a browser: read, its figures unfolded, its advice opened in Train, its run chatted with."""

import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from backend.jobs import recorded
from studio.services.door import Services
from tests.browser.person import LONG, Studio, Watch, opened, signed_in, tab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
SHIPPED = recorded.every()[0].id


@pytest.fixture(scope="module")
def context(studio: Studio, browser: Browser) -> BrowserContext:
    return signed_in(browser, studio, locale="en")


@pytest.fixture
def page(studio: Studio, context: BrowserContext) -> Iterator[Page]:
    shown = context.new_page()
    opened(shown, f"{studio.address}/en/#run={SHIPPED}")
    tab(shown, "runs")
    expect(shown.locator(".verdict-card")).to_be_visible()
    yield shown
    shown.close()


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
    button = page.get_by_role("button", name="Lower “Learning rate”: ")
    rate = button.inner_text().split(": ")[1]
    button.click()
    expect(page.locator("#start")).to_be_visible()
    expect(page.get_by_label("Learning rate").locator("visible=true").first).to_have_value(rate)


def test_one_chats_with_what_was_trained(page: Page) -> None:
    page.locator(".verdict-card").get_by_role("button", name="Chat with it").click()
    expect(page.locator("#tab-chat-button")).to_have_attribute("aria-selected", "true")


def test_the_card_comes_by_itself_when_a_run_ends(page: Page, studio: Studio) -> None:
    services = Services.at(studio.workspace)
    recipe = services.recipe("starter-lora", {"max_steps": "3"})
    supervisor = studio.processes["supervisor"]
    supervisor.send_signal(signal.SIGSTOP)  # it begins only when she looks at it
    job = services.start(recipe, "starter", "starter-ro", "three steps")
    page.get_by_role("button", name="three steps").click()
    expect(page.locator(".run-head h2")).to_contain_text("three steps")
    expect(page.locator(".verdict-card")).to_have_count(0)
    supervisor.send_signal(signal.SIGCONT)
    expect(page.locator(".run-head .state.done")).to_be_visible(timeout=LONG)
    expect(page.locator(".verdict-card")).to_contain_text("of 30 right before")
    assert services.verdicts.of(job.id) is not None


@pytest.mark.parametrize("width", [390, 360])
def test_the_card_fits_on_a_phone(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.wait_for_function("document.documentElement.clientWidth <= 390")
    box = page.locator(".verdict-card").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
