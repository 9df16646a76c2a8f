"""The second half of a newcomer's first day: QLoRA with a setting changed, three runs in the queue, one stopped and
resumed, and what it learned; all through the page, with real trainings."""

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from studio.text import Words
from tests.browser.person import LONG, Studio, Watch, opened, signed_in, still, tab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
# Long enough to be stopped on a fast machine, short enough to be waited for on a slow one.
STEPS = "80"
WORDS = Words("it")


def test_qlora_with_a_changed_setting_three_in_the_queue_one_stopped_and_resumed(
    studio: Studio, browser: Browser
) -> None:
    watch = Watch(studio.address)
    page = watch.over(signed_in(browser, studio, locale="it-IT").new_page())
    opened(page, f"{studio.address}/it/")
    chooses(page, "Rumeno con QLoRA (4 bit)")
    starts(page, "con QLoRA", STEPS)
    chooses(page, "Rumeno con LoRA")
    starts(page, "seconda", "2")
    starts(page, "terza", "3")
    expect(names(page, "queue")).to_have_text(["seconda", "terza"])
    is_stopped(page)
    is_resumed_behind_the_others(page)
    ends_with_what_it_learned(page)
    assert watch.broken == []
    assert watch.outside == []


def names(page: Page, group: str) -> Locator:
    return page.locator(f".group.{group} li b")


def box(page: Page, name: str) -> Locator:
    return page.locator(f"#{name} :is(textarea, input)").first


def chooses(page: Page, recipe: str) -> None:
    tab(page, "train")
    box(page, "train-recipe").click()
    still(page)
    page.get_by_role("option", name=recipe, exact=True).click()
    expect(page.locator("#changed")).to_have_text(WORDS.t("train.changed.none"))
    still(page)


def starts(page: Page, name: str, steps: str) -> None:
    """With the number of steps changed."""
    tab(page, "train")
    if not page.locator("#panel-length").is_visible():
        page.locator("#open-length").click()
    box(page, "field-schedule__max_steps").fill(steps)
    expect(page.locator("#changed")).to_have_text(WORDS.t("train.changed.one"))
    box(page, "train-name").fill(name)
    still(page)
    expect(page.locator("#start")).to_be_enabled()
    page.locator("#start").click()
    expect(page.locator(".run-head h2")).to_contain_text(name)


def is_stopped(page: Page) -> None:
    """What runs is stopped and saved; the next one begins by itself."""
    page.locator(".group.running button.run").click()
    expect(page.locator(".run-head h2")).to_contain_text("con QLoRA")
    expect(page.locator("#run-detail")).to_contain_text(f"di {STEPS}", timeout=LONG)
    page.locator(".run-head [data-action='stop']").click()
    expect(page.locator(".run-head .state.stopped")).to_have_text("fermata", timeout=LONG)


def is_resumed_behind_the_others(page: Page) -> None:
    page.locator(".run-head [data-action='resume']").click()
    expect(names(page, "queue").last).to_have_text("con QLoRA")
    expect(page.locator(".run-head .detail").first).to_contain_text(re.compile("numero [12] in coda"))


def ends_with_what_it_learned(page: Page) -> None:
    """All three end; the one that was stopped has gone on where it was, with the setting that was changed."""
    expect(page.locator(".run-head .state.done")).to_have_text("completata", timeout=LONG)
    expect(page.locator(".run-head .facts")).to_contain_text("previsione")
    expect(page.locator(".run-head .facts")).to_contain_text("Strati a pochi bit")
    expect(page.locator("#tab-runs")).to_contain_text("1 modificata")
    expect(page.locator(".verdict-card")).to_be_visible(timeout=LONG)
    for name in ("seconda", "terza"):
        expect(names(page, "ended").filter(has_text=name)).to_be_visible()
    page.wait_for_function(f"Number(document.querySelector('.charts')?.dataset.points) === {STEPS}")
    expect(page.locator(".run-head [data-action='chat']")).to_be_visible()
