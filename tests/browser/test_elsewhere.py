"""The page from another machine: behind a proxy with a path, kept or taken away, and through a tunnel."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.person import TOKEN, Studio, Watch, opened, running, tab, window
from tests.browser.proxy import reverse_proxy, served, tunnel
from tests.browser.walk import think_nothing, walk

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
PREFIX = "/user/ana/proxy/7860"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """One that was told its path; nobody trains here, so no supervisor, and answers are not thought about."""
    with running(tmp_path_factory.mktemp("elsewhere"), PREFIX, supervised=False) as studio:
        think_nothing(studio)
        yield studio


def test_the_whole_page_works_through_proxies_and_a_tunnel(studio: Studio, browser: Browser, tmp_path: Path) -> None:
    context = window(browser, locale="it-IT")
    with contextlib.ExitStack() as ways:
        ports = {
            "path kept": ways.enter_context(served(reverse_proxy(studio.port, PREFIX, strip=False))),
            "path taken away": ways.enter_context(served(reverse_proxy(studio.port, PREFIX, strip=True))),
            "tunnel": ways.enter_context(tunnel(studio.port)),
        }
        for way, port in ports.items():
            address = f"http://127.0.0.1:{port}{PREFIX}"
            watch = Watch(address)
            page = watch.over(context.new_page())
            try:
                opened(page, f"{address}/?token={TOKEN}" if way == "path kept" else f"{address}/it/")
                expect(page).to_have_url(f"{address}/it/")
                sheet = "[...document.styleSheets].some((sheet) => sheet.href?.includes('/assets/studio.css'))"
                assert page.evaluate(sheet)
                if way == "path kept":
                    tab(page, "train")
                    expect(page.locator(".forecast .verdict")).to_contain_text("Ci sta")
                else:
                    walk(page, studio, address, tmp_path, f"cu {way}")
            except BaseException:
                page.screenshot(path=tmp_path / f"{way}.png")
                raise
            assert watch.outside == [], way
            assert watch.broken == [], way
            page.close()
    context.close()
