"""The studio and the supervisor are killed under the open page: it says so, and goes on by itself where it was."""

import re
from collections.abc import Iterator
from itertools import pairwise

import pytest
from playwright.sync_api import Browser, Page, expect

from backend.jobs.folder import RunFolder
from backend.jobs.model import JobState
from benchmarks.living.staged import Course, write
from studio.services.door import Services
from tests.browser.person import LONG, Studio, Watch, opened, running, signed_in, tab, until
from tests.browser.test_runs_page import Runs, choose

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
STEPS = "studioPage.news.curves?.steps.step ?? []"
LOST = "Connection lost. Trying again…"


@pytest.fixture
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with running(tmp_path_factory.mktemp("alone"), supervised=False) as studio:
        yield studio


def drawn(page: Page, steps: int) -> None:
    """This many points, each step once, in order."""
    expect(page.locator(".charts").first).to_have_attribute("data-points", str(steps))
    seen = page.evaluate(STEPS)
    assert all(after > before for before, after in pairwise(seen))
    assert seen[-1] == steps


def test_a_page_whose_studio_is_killed_goes_on_by_itself_and_draws_each_step_once(
    alone: Studio, browser: Browser
) -> None:
    runs = Runs(alone.workspace)
    run = runs.has("going")
    runs.becomes(run, "running", attempt=1)
    events, course = RunFolder(runs.services.folder(run).path).events, Course(steps=400, seed=4)
    write(events, course.whole(30))
    page = signed_in(browser, alone).new_page()
    opened(page, f"{alone.address}/en/#run={run}")
    tab(page, "runs")
    drawn(page, 30)
    page.locator(".run-more summary").click()
    page.locator("#run-note").press_sequentially("half a no")
    for before, after in ((30, 60), (60, 90)):
        alone.kill_page()
        expect(page.locator("#device")).to_have_text(LOST)
        expect(page.locator(".run-head h2")).to_contain_text("going")
        write(events, (course.step(step) for step in range(before + 1, after + 1)))
        alone.start_page()
        expect(page.locator("#device")).to_have_text(re.compile("free"), timeout=LONG)
        tab(page, "runs")
        drawn(page, after)
    expect(page.locator("#run-note")).to_have_value("half a no")


@pytest.mark.slow
def test_a_training_goes_on_while_studio_and_supervisor_are_killed_under_the_page(
    studio: Studio, browser: Browser
) -> None:
    services, watch = Services.at(studio.workspace), Watch(studio.address)
    changes = {"schedule.max_steps": "150", "watching.eval_every": "50", "watching.answer_every": "150"}
    run = services.start(services.recipe("starter-lora", changes), "starter", "starter-ro", "survivor").id
    page = watch.over(signed_in(browser, studio).new_page())
    opened(page, f"{studio.address}/en/#run={run}")
    tab(page, "runs")
    page.wait_for_function(f"({STEPS}).length > 3", timeout=LONG)
    studio.kill_page()
    expect(page.locator("#device")).to_have_text(LOST)
    studio.start_page()
    expect(page.locator("#device")).to_have_text(re.compile("free"), timeout=LONG)
    tab(page, "runs")
    choose(page, "survivor")
    reached = max(page.evaluate(STEPS), default=0)
    studio.processes["supervisor"].kill()
    studio.processes["supervisor"].wait()
    page.wait_for_function(f"Math.max(...{STEPS}, 0) > {reached + 3}", timeout=LONG)
    assert services.run(run).state is JobState.RUNNING
    studio.start("supervisor", "backend.jobs.supervisor")
    expect(page.locator(".run-head .state.done")).to_be_visible(timeout=LONG)
    drawn(page, 150)
    expect(page.locator(".verdict-card")).to_be_visible()
    until(page, lambda: services.run(run).state is JobState.DONE)
    assert services.run(run).attempt == 1
    assert watch.outside == []
