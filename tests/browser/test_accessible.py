"""Every tab, light and dark, on a screen and on a phone, is looked over by axe for what WCAG 2.2 AA asks."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser.person import Studio, opened, signed_in, tab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
TABS = ("home", "train", "runs", "chat")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def faults(page: Page) -> list[str]:
    """What axe finds wrong with what is visible now, one line each."""
    found: dict[str, Any] = Axe().run(page, options={"runOnly": RULES}).response
    return [f"{fault['id']}: {node['html'][:200]}" for fault in found["violations"] for node in fault["nodes"]]


def test_every_tab_can_be_read_and_used_by_everybody(studio: Studio, browser: Browser) -> None:
    found: dict[str, list[str]] = {}
    for colours in ("light", "dark"):
        for width, height in ((1366, 768), (360, 740)):
            context = signed_in(browser, studio, color_scheme=colours, viewport={"width": width, "height": height})
            page = context.new_page()
            opened(page, f"{studio.address}/ro/")
            for name in TABS:
                tab(page, name)
                page.wait_for_timeout(400)  # what fades in has its own colours only afterwards
                found[f"{name}, {colours}, {width}"] = faults(page)
                wide = page.evaluate("document.documentElement.scrollWidth")
                found[f"{name}, {colours}, {width} wide"] = [f"it is {wide} wide"] if wide > width else []
            context.close()
    assert {where: what for where, what in found.items() if what} == {}
