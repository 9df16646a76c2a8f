"""What is typed and not sent is there in a second browser, after a restart of the studio, and when it was away."""

import functools
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from studio.services.door import Services
from tests.browser.person import LONG, Studio, Watch, opened, running, signed_in, still, tab, until
from tests.browser.test_runs_page import Runs

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
Anew = Callable[[], Page]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with running(tmp_path_factory.mktemp("drafts"), supervised=False) as studio:
        Runs(studio.workspace).has("talked about", "stopped")
        yield studio


@pytest.fixture(scope="module")
def watch(alone: Studio) -> Iterator[Watch]:
    watch = Watch(alone.address)
    yield watch
    assert watch.broken == []
    assert watch.outside == []


@pytest.fixture
def anew(alone: Studio, browser: Browser, watch: Watch) -> Iterator[Anew]:
    """The page in one more browser, which has nothing of its own but the session."""
    made: list[Page] = []

    def another() -> Page:
        page = watch.over(signed_in(browser, alone, drafts=True).new_page())
        made.append(page)
        opened(page, f"{alone.address}/en/")
        return page

    yield another
    for page in made:
        page.context.close()


def box(page: Page, name: str) -> Locator:
    return page.locator(f"#{name} :is(input, textarea)").first


def types(page: Page, field: Locator, text: str) -> None:
    field.fill(text)
    field.press("Tab")


def kept(alone: Studio, form: str) -> str:
    """What the studio has of this form."""
    return str(services(alone.workspace).drafts.shown().get(form, {}).get("text", ""))


services = functools.cache(Services.at)


def fills_everything(page: Page, alone: Studio) -> None:
    tab(page, "train")
    types(page, box(page, "field-lora__rank"), "12")
    types(page, box(page, "train-name"), "half a na")
    page.locator("#open-recipes").click()
    types(page, box(page, "recipe-name"), "my rec")
    page.locator("#open-data").click()
    types(page, box(page, "data-name"), "my exam")
    tab(page, "runs")
    page.locator(".run-more summary").click()
    page.locator("#run-note").fill("half a no")
    page.locator("#import button").first.click()
    box(page, "import-name").fill("from my fri")
    tab(page, "chat")
    page.locator("#question textarea").fill("Ce mai fa")
    wanted = {"train": "half a na", "names": "my exam", "runs": "half a no", "import": "my fri", "question": "mai fa"}
    for form, text in wanted.items():
        until(page, lambda form=form, text=text: text in kept(alone, form))


def finds_everything(page: Page) -> None:
    tab(page, "train")
    expect(box(page, "field-lora__rank")).to_have_value("12")
    expect(box(page, "train-name")).to_have_value("half a na")
    expect(page.locator("#field-lora__rank")).to_have_attribute("data-changed", "yes")
    page.locator("#open-recipes").click()
    expect(box(page, "recipe-name")).to_have_value("my rec")
    page.locator("#open-data").click()
    expect(box(page, "data-name")).to_have_value("my exam")
    tab(page, "runs")
    expect(page.locator("#run-note")).to_have_value("half a no")
    page.locator("#import button").first.click()
    expect(box(page, "import-name")).to_have_value("from my fri")
    tab(page, "chat")
    expect(page.locator("#question textarea")).to_have_value("Ce mai fa")


def test_what_is_typed_in_one_browser_is_there_in_another_and_after_a_restart(
    alone: Studio, anew: Callable[[], Page]
) -> None:
    first = anew()
    fills_everything(first, alone)
    second = anew()
    finds_everything(second)
    tab(second, "train")
    types(second, box(second, "field-lora__rank"), "24")
    until(second, lambda: '"24"' in kept(alone, "train"))
    opened(first, f"{alone.address}/en/")
    tab(first, "train")
    expect(box(first, "field-lora__rank")).to_have_value("24")
    types(first, box(first, "field-lora__rank"), "12")
    until(first, lambda: '"12"' in kept(alone, "train"))
    alone.kill_page()
    alone.start_page()
    third = anew()
    finds_everything(third)


def test_what_is_typed_while_the_studio_is_away_is_sent_when_it_is_back(
    alone: Studio, anew: Callable[[], Page]
) -> None:
    first = anew()
    tab(first, "chat")
    alone.kill_page()
    expect(first.locator("#device")).to_contain_text("Connection lost")
    first.locator("#question textarea").fill("Typed while it was away")
    alone.start_page()
    until(first, lambda: kept(alone, "question") == "Typed while it was away")
    expect(first.locator("#device")).not_to_contain_text("Connection lost", timeout=LONG)
    second = anew()
    tab(second, "chat")
    expect(second.locator("#question textarea")).to_have_value("Typed while it was away")


def test_who_leaves_at_once_loses_nothing_and_older_text_never_wins(alone: Studio, anew: Anew) -> None:
    first = anew()
    tab(first, "chat")
    first.locator("#question textarea").fill("before")
    until(first, lambda: kept(alone, "question") == "before")
    first.context.set_offline(True)
    first.locator("#question textarea").fill("older, and never sent before")
    second = anew()
    tab(second, "chat")
    expect(second.locator("#question textarea")).to_have_value("before")
    second.locator("#question textarea").fill("newer, and left at once")
    second.goto("about:blank")
    until(second, lambda: kept(alone, "question") == "newer, and left at once")
    first.context.set_offline(False)
    opened(first, f"{alone.address}/en/")
    tab(first, "chat")
    expect(first.locator("#question textarea")).to_have_value("newer, and left at once")
    still(first)
    assert kept(alone, "question") == "newer, and left at once"
    second.context.close()
