"""A run that does not fit is made to fit by one press, and brought back by another."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from studio.text import Words
from tests.browser.person import opened, running, signed_in, still, tab
from tests.browser.test_train_fields import chosen

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
ROWS = "4096"


def crowded(page: Page) -> Locator:
    """The batch size, so large that the run does not fit: it would need 9 GB, nothing made again instead of kept."""
    page.locator("#open-length").click()
    chosen(page, "field-compute__gradient_checkpointing", Words("ro").t("choice.off"))
    size = page.locator("#field-batch__size :is(textarea, input)").first
    size.fill(ROWS)
    expect(page.locator("#forecast .verdict.bad")).to_be_visible()
    return size


@pytest.fixture
def train(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    with running(tmp_path, supervised=False, page="tests.crowded") as studio:
        page = signed_in(browser, studio).new_page()
        opened(page, f"{studio.address}/ro/")
        tab(page, "train")
        expect(page.locator("#forecast .verdict.good")).to_be_visible()
        expect(page.locator("#make-fit")).to_have_count(0)
        yield page
        page.context.close()


def test_one_press_makes_it_fit_and_another_brings_it_back(train: Page) -> None:
    size = crowded(train)
    train.locator("#make-fit").click()
    expect(train.locator("#fitted .fitting")).to_contain_text(Words("ro").t("fit.changed"))
    expect(train.locator("#forecast .verdict.good")).to_be_visible()
    expect(train.locator("#make-fit")).to_have_count(0)
    expect(train.locator("#start")).to_be_enabled()
    rounds = train.locator("#field-batch__accumulation :is(textarea, input)").first
    assert int(size.input_value()) * int(rounds.input_value()) == int(ROWS)
    still(train)
    train.locator("#fit-undo").click()
    expect(size).to_have_value(ROWS)
    expect(train.locator("#forecast .verdict.bad")).to_be_visible()
    expect(train.locator("#fitted .fitting")).to_have_count(0)
    expect(train.locator("#fit-undo")).to_have_count(0)


def test_what_was_made_to_fit_is_still_so_after_a_reload(train: Page) -> None:
    size = crowded(train)
    train.locator("#make-fit").click()
    expect(train.locator("#forecast .verdict.good")).to_be_visible()
    fitting = size.input_value()
    assert fitting != ROWS
    still(train)
    train.reload()
    expect(size).to_have_value(fitting)
