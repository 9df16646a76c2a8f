"""Back, Forward, a reload, another language and a link: each leads to the tab and the run that were there."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.person import Studio, Watch, opened, running, signed_in, still, tab
from tests.browser.test_runs_page import Runs, choose

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with running(tmp_path_factory.mktemp("history"), supervised=False) as studio:
        yield studio


@pytest.fixture(scope="module")
def runs(alone: Studio) -> dict[str, str]:
    """Names and ids of three ended runs."""
    made = Runs(alone.workspace)
    return {name: made.has(name, "stopped") for name in ("oldest", "middle", "newest")}


@pytest.fixture
def page(alone: Studio, runs: dict[str, str], browser: Browser) -> Iterator[Page]:
    watch = Watch(alone.address)
    page = watch.over(signed_in(browser, alone).new_page())
    yield page
    page.context.close()
    assert watch.broken == []
    assert watch.outside == []


def is_at(page: Page, name: str, run: str = "") -> None:
    """At this tab, and with this run when one is named."""
    expect(page.locator(f"#tab-{name}-button")).to_have_attribute("aria-selected", "true")
    expect(page.locator(f"#tab-{name}")).to_be_visible()
    if run:
        expect(page.locator(".run-head h2")).to_contain_text(run)
        expect(page.locator(".runs-list [aria-current=true]")).to_contain_text(run)
    still(page)


def test_back_and_forward_walk_through_tabs_and_runs(page: Page, alone: Studio) -> None:
    page.goto(f"{alone.address}/healthz")
    opened(page, f"{alone.address}/en/")
    is_at(page, "home")
    tab(page, "train")
    tab(page, "train")
    tab(page, "runs")
    first = page.locator(".run-head h2").text_content() or ""
    choose(page, "oldest")
    choose(page, "middle")
    walked = [("runs", "middle"), ("runs", "oldest"), ("runs", first.split()[0]), ("train", ""), ("home", "")]
    for place in walked[1:]:
        page.go_back()
        is_at(page, *place)
    for place in reversed(walked[:-1]):
        page.go_forward()
        is_at(page, *place)
    page.go_back()
    is_at(page, "runs", "oldest")
    page.reload()
    is_at(page, "runs", "oldest")
    page.go_back()
    page.go_back()
    is_at(page, "train")
    page.reload()
    is_at(page, "train")
    page.go_back()
    is_at(page, "home")
    page.go_back()
    assert page.url == f"{alone.address}/healthz"


def test_a_run_opened_from_elsewhere_is_one_step(page: Page, alone: Studio, runs: dict[str, str]) -> None:
    opened(page, f"{alone.address}/en/")
    is_at(page, "home")
    page.locator(".door", has_text="Chat").click()
    is_at(page, "chat")
    page.evaluate("run => studioPage.open('runs', run)", runs["middle"])
    is_at(page, "runs", "middle")
    page.go_back()
    is_at(page, "chat")
    page.go_back()
    is_at(page, "home")


def test_a_link_and_another_language_lead_to_the_same(page: Page, alone: Studio, runs: dict[str, str]) -> None:
    opened(page, f"{alone.address}/en/#run={runs['oldest']}")
    is_at(page, "runs", "oldest")
    choose(page, "middle")
    page.locator("nav.languages a[lang=ro]").click()
    expect(page.locator("html")).to_have_attribute("lang", "ro")
    is_at(page, "runs", "middle")
    tab(page, "chat")
    other = page.context.new_page()
    opened(other, page.url)
    is_at(other, "chat")
    tab(other, "runs")
    is_at(other, "runs", "middle")
    other.close()
    page.go_back()
    is_at(page, "runs", "middle")
    page.go_back()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    is_at(page, "runs", "middle")
    page.go_back()
    is_at(page, "runs", "oldest")


def test_comparing_is_a_step_too(page: Page, alone: Studio, runs: dict[str, str]) -> None:
    opened(page, f"{alone.address}/en/#run={runs['oldest']}")
    is_at(page, "runs", "oldest")
    panel, lines = page.locator("section.compare"), page.locator(".compare .keys .key")
    page.locator(".compare-door button").click()
    expect(lines).to_have_count(2)
    page.reload()
    expect(lines).to_have_count(2)
    choose(page, "middle")
    is_at(page, "runs", "middle")
    expect(panel).to_be_hidden()
    page.go_back()
    is_at(page, "runs", "oldest")
    expect(panel).to_be_visible()
    page.go_back()
    expect(panel).to_be_hidden()
    is_at(page, "runs", "oldest")
    page.go_forward()
    expect(panel).to_be_visible()
    page.locator(".compare header button").click()
    expect(panel).to_be_hidden()
    page.go_back()
    expect(panel).to_be_visible()


def test_a_run_that_was_deleted_is_left_out_on_the_way_back(page: Page, alone: Studio) -> None:
    gone = Runs(alone.workspace).has("short-lived", "stopped")
    opened(page, f"{alone.address}/en/#run={gone}")
    is_at(page, "runs", "short-lived")
    choose(page, "oldest")
    Runs(alone.workspace).services.my_runs.delete(gone)
    expect(page.locator(".runs-list li").filter(has_text="short-lived")).to_have_count(0)
    expect(page.locator(".runs-list li").filter(has_text="oldest")).to_be_visible()
    page.go_back()
    page.wait_for_function("gone => ![gone, null].includes(studioPage.run())", arg=gone)
    expect(page.locator(".runs-list [aria-current=true]")).to_have_count(1)
    expect(page.locator(".run-head h2 .state")).to_be_visible()
    page.go_forward()
    is_at(page, "runs", "oldest")
