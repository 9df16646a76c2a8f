"""Every tab, light and dark, on a screen and on a phone, is looked over by axe for what WCAG 2.2 AA asks."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.person import Studio, opened, signed_in, tab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
# What a tab shows last when it is opened.
TABS = {"home": "#machine", "train": ".forecast .verdict", "runs": "figure.chart canvas", "chat": ".idea"}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


# What fades in has its own colours only afterwards.
COME_TO_REST = (
    "document.getAnimations().every((one) => one.playState !== 'running' || one.effect.getTiming().iterations > 9)"
)


def faults(page: Page) -> list[str]:
    """What axe finds wrong with what is visible now, one line each."""
    page.wait_for_function(COME_TO_REST)
    found: dict[str, Any] = Axe().run(page, options={"runOnly": RULES}).response
    return [f"{fault['id']}: {node['html'][:200]}" for fault in found["violations"] for node in fault["nodes"]]


def test_every_tab_can_be_read_and_used_by_everybody(studio: Studio, browser: Browser) -> None:
    found: dict[str, list[str]] = {}
    for colours in ("light", "dark"):
        for width, height in ((1366, 768), (360, 740)):
            context = signed_in(browser, studio, color_scheme=colours, viewport={"width": width, "height": height})
            page = context.new_page()
            opened(page, f"{studio.address}/ro/")
            for name, last in TABS.items():
                tab(page, name)
                expect(page.locator(last).first).to_be_visible()
                found[f"{name}, {colours}, {width}"] = faults(page)
                wide = page.evaluate("document.documentElement.scrollWidth")
                found[f"{name}, {colours}, {width} wide"] = [f"it is {wide} wide"] if wide > width else []
            context.close()
    assert {where: what for where, what in found.items() if what} == {}
