"""Three stages as one run, through the page: looked at, started, stopped in the second, resumed, and asked."""

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from studio.text import Words
from tests.browser.person import LONG, Studio, Watch, opened, signed_in, still, tab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
# Few, but for the second stage: long enough to be stopped on a fast machine.
STEPS = {1: "3", 2: "60", 3: "3"}
WORDS = Words("ro")


def test_three_stages_are_one_run_that_is_stopped_in_the_second_and_goes_on(studio: Studio, browser: Browser) -> None:
    watch = Watch(studio.address)
    page = watch.over(signed_in(browser, studio, locale="ro-RO").new_page())
    opened(page, f"{studio.address}/ro/")
    looks_at_the_stages(page)
    is_told_what_is_wrong(page)
    finds_all_of_it_again(page)
    starts(page)
    is_stopped_in_the_second_stage(page)
    is_resumed_and_ends(page)
    answers(page)
    assert watch.broken == []
    assert watch.outside == []


def box(page: Page, name: str) -> Locator:
    return page.locator(f"#{name} :is(textarea, input)").first


def looks_at_the_stages(page: Page) -> None:
    tab(page, "train")
    page.locator("#open-chain").click()
    expect(page.locator("#chain-stage-3")).to_contain_text("Etapa 3")
    expect(box(page, "chain-data-1")).to_have_value(re.compile("Propoziții simple"))
    expect(page.locator("#chain-card .stages li")).to_have_count(3)
    expect(page.locator("#chain-card .stages li").nth(1)).to_contain_text(WORDS.t("stage.stacked"))
    box(page, "chain-way").click()
    page.get_by_role("option", name=WORDS.t("chain.way.merged")).click()
    expect(page.locator("#chain-card .stages li").nth(1)).to_contain_text(WORDS.t("stage.merged"))


def is_told_what_is_wrong(page: Page) -> None:
    """With the stage that it is in; what was typed stays."""
    box(page, "chain-steps-2").fill("0")
    expect(page.locator("#chain-card .fault")).to_contain_text("Etapa 2 din 3")
    expect(page.locator("#chain-start")).to_be_disabled()
    expect(box(page, "chain-steps-2")).to_have_value("0")


def finds_all_of_it_again(page: Page) -> None:
    """After the page was loaded anew; in the panel that is opened again."""
    page.reload()
    tab(page, "train")
    page.locator("#open-chain").click()
    expect(box(page, "chain-steps-2")).to_have_value("0")
    expect(box(page, "chain-way")).to_have_value(WORDS.t("chain.way.merged"))
    expect(page.locator("#chain-card .fault")).to_contain_text("Etapa 2 din 3")
    expect(box(page, "chain-name")).to_have_value("starter-chain")


def starts(page: Page) -> None:
    for number, steps in STEPS.items():
        box(page, f"chain-steps-{number}").fill(steps)
    box(page, "chain-name").fill("trei etape")
    expect(page.locator("#chain-card .figures")).to_contain_text("66")
    still(page)
    expect(page.locator("#chain-start")).to_be_enabled()
    page.locator("#chain-start").click()
    expect(page.locator(".run-head h2")).to_contain_text("trei etape")
    expect(page.locator(".group.queue li, .group.running li")).to_have_count(1)


def is_stopped_in_the_second_stage(page: Page) -> None:
    expect(page.locator("#run-detail")).to_contain_text(re.compile(r"etapa 2 din 3.*din 66"), timeout=LONG)
    page.locator(".run-head [data-action='stop']").click()
    expect(page.locator(".run-head .state.stopped")).to_be_visible(timeout=LONG)


def is_resumed_and_ends(page: Page) -> None:
    page.locator(".run-head [data-action='resume']").click()
    expect(page.locator(".run-head .state.done")).to_be_visible(timeout=LONG)
    page.wait_for_function("Number(document.querySelector('.charts')?.dataset.points) === 66")
    facts = page.locator("#tab-runs .run-head .facts")
    for number in STEPS:
        expect(facts).to_contain_text(f"Etapa {number}: ")
    expect(facts).to_contain_text(WORDS.t("stage.merged"))
    expect(page.locator(".verdict-card")).to_be_visible(timeout=LONG)


def answers(page: Page) -> None:
    page.locator(".run-head [data-action='chat']").click()
    expect(page.locator("#tab-chat")).to_be_visible()
    still(page)
    expect(page.locator("#chat-adapters")).to_contain_text("trei etape")
    expect(page.locator(".idea").first).to_be_visible()
    page.locator("#question textarea").fill("Cum te cheamă?")
    page.locator("#question .send").click()
    expect(page.locator(".reply[data-state=done]").last).to_be_visible(timeout=LONG)
    expect(page.locator(".reply .words").last).to_contain_text(re.compile(r"\S"))
