"""A model that sees learns from pictures: chosen, told what does not go together, watched, stopped, resumed; what it
answers about pictures that were kept apart is leafed through, its adapter chats, and so does the one model it is merged
into.
"""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from backend.paths import Workspace
from tests.albums import album
from tests.browser.person import LONG, Studio, Watch, opened, signed_in, still, tab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
STEPS = "40"
EQUAL = re.compile("It says what the chat says here|As close to the chat here as this precision allows")


def test_a_model_that_sees_learns_from_pictures_and_is_watched(
    studio: Studio, browser: Browser, tmp_path: Path
) -> None:
    album(Workspace(studio.workspace), "squares", 40)
    watch = Watch(studio.address)
    page = watch.over(signed_in(browser, studio, locale="en-GB").new_page())
    opened(page, f"{studio.address}/en/")
    try:
        is_told_what_does_not_go_together(page)
        starts(page)
        is_stopped_and_resumed(page)
        leafs_through_the_answers(page)
        talks_to_it(page)
        has_it_as_one_model(page)
        lets_go_what_was_seen(page)
    except BaseException:
        page.screenshot(path=tmp_path / "failed.png", full_page=True)
        raise
    assert watch.broken == []
    assert watch.outside == []


def box(page: Page, name: str) -> Locator:
    return page.locator(f"#{name} :is(textarea, input)").first


def chooses(page: Page, name: str, option: str) -> None:
    box(page, name).click()
    still(page)
    page.get_by_role("option", name=option, exact=True).click()
    still(page)


def is_told_what_does_not_go_together(page: Page) -> None:
    """At one field in one sentence; the settings of what sees are there once pictures are learned from."""
    tab(page, "train")
    chooses(page, "train-data", "squares (40, with pictures)")
    expect(page.locator("#train-data .fault")).to_contain_text("holds chat about pictures rows")
    chooses(page, "train-model", "Vision starter, 1.7 million · reads pictures")
    expect(page.locator("#field-objective .fault")).to_contain_text("Set the objective to Pictures.")
    expect(page.locator("#missing button")).to_have_count(1)
    page.locator("#open-adapter").click()
    expect(page.locator("#field-lora__dropout")).to_be_visible()
    expect(page.locator("#field-vision__tower")).to_be_hidden()
    chooses(page, "field-objective", "Pictures")
    for name in ("projector", "tower", "keep"):
        expect(page.locator(f"#field-vision__{name}")).to_be_visible()
    expect(page.locator("#questions")).to_contain_text("asked about 6 pictures from examples kept apart")
    expect(page.locator(".forecast .verdict")).to_contain_text("Fits")


def starts(page: Page) -> None:
    page.locator("#open-length").click()
    box(page, "field-schedule__max_steps").fill(STEPS)
    page.locator("#open-watching").click()
    for name, value in (("answer_every", "10"), ("eval_share", "0.2"), ("pictures", "4")):
        box(page, f"field-watching__{name}").fill(value)
    box(page, "train-name").fill("what it sees")
    still(page)
    expect(page.locator("#start")).to_be_enabled()
    page.locator("#start").click()
    expect(page.locator(".run-head h2")).to_contain_text("what it sees")


def is_stopped_and_resumed(page: Page) -> None:
    expect(page.locator("#run-detail")).to_contain_text(f"of {STEPS}", timeout=LONG)
    page.locator(".run-head [data-action='stop']").click()
    expect(page.locator(".run-head .state.stopped")).to_be_visible(timeout=LONG)
    page.locator(".run-head [data-action='resume']").click()
    expect(page.locator(".run-head .state.done")).to_be_visible(timeout=LONG)
    page.wait_for_function(f"Number(document.querySelector('.charts')?.dataset.points) === {STEPS}")


def leafs_through_the_answers(page: Page) -> None:
    """Each with its picture beside it, which is really drawn; the first page is that of the untrained model."""
    seen = page.locator(".book .asked.seen")
    expect(seen).to_have_count(4)
    for at in range(4):
        picture = seen.nth(at).locator("img")
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("naturalWidth", 40)
    expect(page.locator(".book .where")).to_have_text(f"step {STEPS} of {STEPS}")
    page.locator(".book input[type=range]").press("Home")
    expect(page.locator(".book .where")).to_have_text(f"step 0 of {STEPS}")
    expect(seen.first.locator(".now")).to_have_text(seen.first.locator(".first").inner_text())
    expect(seen.first.locator(".expected")).to_contain_text("Roșu")


def talks_to_it(page: Page) -> None:
    """About pictures, which have a tab of their own: there is no second way that looks alike and leads elsewhere."""
    expect(page.locator(".run-head [data-action='chat']")).to_have_count(0)
    page.locator(".run-head [data-action='see']").click()
    expect(page.locator("#tab-vision-button")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#tab-vision")).to_contain_text("what it sees")
    page.locator("#ask-panes .gallery button").first.click()
    question = page.locator("#ask-question textarea")
    question.fill("How many colours are there?")
    question.press("Enter")
    for pane in (".reply.pane-0", ".reply.pane-1"):
        expect(page.locator(f"#tab-vision {pane}[data-state=done]")).to_be_visible(timeout=LONG)


def has_it_as_one_model(page: Page) -> None:
    """Merged and checked on pictures; it stands among the models, and is asked like any other. GGUF would be blind."""
    tab(page, "runs")
    expect(page.locator(".run-head h2")).to_contain_text("what it sees")
    page.locator("details.export > summary").click()
    for form in ("gguf_q8", "gguf_f16"):
        way = page.locator(".export-form").filter(has=page.locator(f"input[value={form}]"))
        expect(way.locator("input")).to_be_disabled()
        expect(way).to_contain_text("sees pictures, and a GGUF file would hold its words alone")
    expect(page.locator(".export-form input[value=merged]")).to_be_checked()
    page.locator("[data-action=export]").click()
    made = page.locator(".exports .made")
    expect(made.locator(".parity")).to_contain_text(EQUAL, timeout=LONG)
    made.locator(".use > summary").click()
    expect(made.locator(".snippet").first.locator("pre")).to_contain_text("AutoModelForImageTextToText")
    tab(page, "models")
    page.locator(".model").filter(has=page.locator("b", has_text="what it sees")).locator("[data-action=see]").click()
    expect(page.locator("#tab-vision-button")).to_have_attribute("aria-selected", "true")
    page.locator("#ask-panes .gallery button").first.click()
    question = page.locator("#ask-question textarea")
    question.fill("What does the picture show?")
    question.press("Enter")
    expect(page.locator("#tab-vision .reply[data-state=done]").last).to_be_visible(timeout=LONG)


def lets_go_what_was_seen(page: Page) -> None:
    """What the tower saw of the pictures takes room, which can be had back."""
    tab(page, "home")
    expect(page.locator("#machine")).to_contain_text("kept, so that no picture is looked at twice")
    page.locator("#forget-seen").click()
    expect(page.locator("#forget-seen")).to_have_count(0)
    expect(page.locator("#machine")).not_to_contain_text("looked at twice")
