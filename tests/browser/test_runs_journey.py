"""Real runs on the tab of the runs: the first of two is stopped, resumed behind the other one, and finished."""

import pytest
from playwright.sync_api import Browser, expect

from studio.services.door import Services
from tests.browser.person import LONG, Studio, Watch, opened, signed_in, tab

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]
# Long enough that neither ends before she has pressed what she presses while it runs.
LASTING = {"schedule.max_steps": "150", "watching.eval_every": "75", "watching.answer_every": "150"}


def test_a_run_is_stopped_resumed_and_finished_while_another_waits(studio: Studio, browser: Browser) -> None:
    services = Services.at(studio.workspace)
    recipe = services.recipe("starter-lora", LASTING)
    watch = Watch(studio.address)
    page = watch.over(signed_in(browser, studio).new_page())
    opened(page, f"{studio.address}/it/")
    tab(page, "runs")
    for name in ("prima", "seconda"):
        services.start(recipe, "starter", "starter-ro", name)
    expect(page.locator(".group.running li b")).to_have_text(["prima"], timeout=LONG)
    expect(page.locator(".group.queue li b")).to_have_text(["seconda"])
    page.locator(".group.running button.run").click()
    expect(page.locator("#run-detail")).to_contain_text("passo", timeout=LONG)
    page.locator(".run-head [data-action='stop']").click()
    expect(page.locator(".run-head .state.stopped")).to_have_text("fermata", timeout=LONG)
    expect(page.locator(".group.running li b")).to_have_text(["seconda"], timeout=LONG)
    page.locator(".run-head [data-action='resume']").click()
    expect(page.locator(".group.queue li b")).to_have_text(["prima"])
    expect(page.locator(".run-head .detail").first).to_contain_text("numero 1 in coda")
    expect(page.locator(".run-head .state.done")).to_have_text("completata", timeout=LONG)
    expect(page.locator(".run-head .facts")).to_contain_text("previsione")
    expect(page.locator(".run-head [data-action='chat']")).to_be_visible()
    expect(page.locator(".group.ended li b").filter(has_text="seconda")).to_be_visible()
    assert watch.broken == []
    assert watch.outside == []
