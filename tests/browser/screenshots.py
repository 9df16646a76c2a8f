"""The pictures of README and docs: `python -m tests.browser.screenshots [FOLDER]`, made from the studio as it is now.

A studio is started on an empty workspace; the run that is shown is the recorded one that ships.
"""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from backend.paths import ROOT, SAMPLE_DATA
from tests.browser.person import Studio, chromium, opened, running, signed_in, tab

FOLDER = ROOT / "docs/images"
SCREEN = {"width": 1366, "height": 768}
PHONE = {"width": 390, "height": 844}
QUESTIONS = SAMPLE_DATA / "formats/question-answer.csv"
TABS = ("home", "models", "data", "train", "runs", "chat", "vision")


def main(folder: Path) -> None:
    """Every tab in English on a screen, then what differs: Romanian, Italian, dark, a phone."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as root, running(Path(root)) as studio, chromium() as browser:
        take_all(browser, studio, folder)


def take_all(browser: Browser, studio: Studio, folder: Path) -> None:
    looks = (
        ("", "en", SCREEN, "light", TABS),
        ("-ro", "ro", SCREEN, "light", TABS),
        ("-it", "it", SCREEN, "light", TABS),
        ("-dark", "en", SCREEN, "dark", ("runs",)),
        ("-phone", "ro", PHONE, "light", ("runs", "chat", "vision")),
    )
    for ending, language, size, colours, names in looks:
        context = signed_in(browser, studio, viewport=size, color_scheme=colours)
        page = context.new_page()
        opened(page, f"{studio.address}/{language}/")
        for name in names:
            tab(page, name)
            prepare(page, name)
            keep(page.screenshot(), folder / f"{name}{ending}.png")
        context.close()


def keep(picture: bytes, path: Path) -> None:
    """In 256 colours: a third of the size, and nobody sees it."""
    with Image.open(io.BytesIO(picture)) as whole:
        whole.convert("RGB").quantize(256).save(path, optimize=True)


def prepare(page: Page, name: str) -> None:
    """What a person would have done on this tab before she looks at it."""
    if name == "runs":
        page.locator("#run-list button.run").first.click()
        page.locator("figure.chart canvas").first.wait_for(timeout=20_000)
    if name == "data":
        page.locator("#tab-data input[type=file]").first.set_input_files(QUESTIONS)
        page.locator(".table-of").wait_for(timeout=20_000)
    page.wait_for_timeout(1500)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
