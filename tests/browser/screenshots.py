"""The pictures of README and docs: `python -m tests.browser.screenshots [FOLDER]`, made from the studio as it is now.

A studio is started on an empty workspace; the run that is shown is the recorded one that ships.
"""

import shutil
import socket
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from backend.paths import ROOT
from tests.browser.person import FLAGS, TOKEN, Studio, opened, tab

FOLDER = ROOT / "docs/images"
SCREEN = {"width": 1366, "height": 768}
PHONE = {"width": 390, "height": 844}
TABS = ("home", "train", "runs", "chat")


def main(folder: Path) -> None:
    """Every tab in English on a screen, then what differs: Romanian, Italian, dark, a phone."""
    folder.mkdir(parents=True, exist_ok=True)
    root = Path(tempfile.mkdtemp())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (root / "log.txt").open("wb") as log:
        studio = Studio(root / "workspace", port, log)
        try:
            studio.start_page()
            studio.start("supervisor", "backend.jobs.supervisor")
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
                take_all(browser, studio, folder)
                browser.close()
        finally:
            studio.end()
    shutil.rmtree(root)


def take_all(browser: Browser, studio: Studio, folder: Path) -> None:
    first = browser.new_context()
    opened(first.new_page(), f"{studio.address}/?token={TOKEN}")
    cookies = first.cookies()
    looks = (
        ("", "en", SCREEN, "light", TABS),
        ("-ro", "ro", SCREEN, "light", TABS),
        ("-it", "it", SCREEN, "light", TABS),
        ("-dark", "en", SCREEN, "dark", ("runs",)),
        ("-phone", "ro", PHONE, "light", ("runs", "chat")),
    )
    for ending, language, size, colours, names in looks:
        context = browser.new_context(viewport=size, color_scheme=colours)  # type: ignore[arg-type]
        context.add_cookies(cookies)  # type: ignore[arg-type]
        page = context.new_page()
        opened(page, f"{studio.address}/{language}/")
        for name in names:
            tab(page, name)
            prepare(page, name)
            page.screenshot(path=folder / f"{name}{ending}.png")
        context.close()


def prepare(page: Page, name: str) -> None:
    """What a person would have done on this tab before she looks at it."""
    if name == "runs":
        page.locator("#run-list button.run").first.click()
        page.locator("figure.chart canvas").first.wait_for(timeout=20_000)
    page.wait_for_timeout(1500)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
