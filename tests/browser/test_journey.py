"""One person's way through the page in a real browser; studio, supervisor, job and engine are real processes."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from backend.paths import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
TOKEN = "browser-journey-token"
LONG = 150_000
expect.set_options(timeout=20_000)
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-domain-reliability", "--no-pings",
    "--disable-default-apps",
]  # fmt: skip


@dataclass
class Studio:
    """A studio and its supervisor as real processes on one workspace."""

    workspace: Path
    port: int
    log: IO[bytes]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, name: str, *module: str) -> None:
        command = [sys.executable, "-m", *module, "--workspace", str(self.workspace)]
        environment = {**os.environ, "STUDIO_TOKEN": TOKEN, "OMP_NUM_THREADS": "1"}
        self.processes[name] = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=self.log, stderr=self.log, start_new_session=True
        )

    def start_page(self) -> None:
        self.start("studio", "studio.app", "--port", str(self.port))
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.processes["studio"].poll() is None, "the studio ended at once"
            time.sleep(0.1)
        raise AssertionError("the studio did not listen within 60 s")

    def kill_page(self) -> None:
        self.processes["studio"].kill()
        self.processes["studio"].wait()

    def memory_and_libraries(self) -> tuple[int, str]:
        """Resident bytes of the studio process, and every file it has mapped."""
        folder = Path(f"/proc/{self.processes['studio'].pid}")
        resident = re.search(r"VmRSS:\s+(\d+) kB", (folder / "status").read_text())
        assert resident
        return int(resident[1]) * 1024, (folder / "maps").read_text()

    def end(self) -> None:
        """Everything, the job and the engine included: by design they outlive a supervisor that ends."""
        alive = [psutil.Process(process.pid) for process in self.processes.values() if process.poll() is None]
        alive += [child for process in alive for child in process.children(recursive=True)]
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(alive, timeout=30)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    root = tmp_path_factory.mktemp("journey")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (root / "log.txt").open("wb") as log:
        running = Studio(root / "workspace", port, log)
        running.start_page()
        running.start("supervisor", "backend.jobs.supervisor")
        yield running
        running.end()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield opened
        opened.close()


@dataclass
class Watch:
    """What must not happen on the page."""

    address: str
    outside: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def over(self, page: Page) -> Page:
        page.on("request", lambda sent: self.outside.append(sent.url) if not self.ours(sent.url) else None)
        page.on("pageerror", lambda error: self.broken.append(str(error)))
        return page

    def ours(self, url: str) -> bool:
        return url.startswith((self.address, "data:", "blob:"))


def opened(page: Page, address: str) -> None:
    """Again when the page, which loads itself anew once a killed studio is back, was faster than this."""
    try:
        page.goto(address)
    except PlaywrightError as error:
        if "ERR_ABORTED" not in str(error):
            raise
        page.goto(address)
    expect(page.locator("#device")).not_to_be_empty(timeout=30_000)


def tab(page: Page, name: str) -> None:
    page.locator(f"#tab-{name}-button").click()


def typed(page: Page, label: str, text: str) -> None:
    """Key by key, as a person types."""
    box = page.get_by_label(label).locator("visible=true").first
    box.press("Control+a")
    box.press_sequentially(text)


def test_train_watch_reload_and_chat(studio: Studio, browser: Browser, tmp_path: Path) -> None:
    watch = Watch(studio.address)
    page = watch.over(browser.new_context(locale="ro-RO", viewport={"width": 1366, "height": 768}).new_page())
    page.set_default_timeout(20_000)
    try:
        comes_in(page, studio)
        adds_examples(page, tmp_path)
        chooses(page, studio)
        starts_and_watches(page)
        comes_back(page)
        asks_both(page)
    except BaseException:
        page.screenshot(path=tmp_path / "failed.png")
        raise
    assert watch.outside == []
    assert watch.broken == []
    assert page.evaluate("Object.keys(window).filter((name) => name.startsWith('PWN'))") == []
    resident, mapped = studio.memory_and_libraries()
    assert resident < 300 * 10**6
    assert "torch" not in mapped


def comes_in(page: Page, studio: Studio) -> None:
    """Without a session one plain page; with the token from the terminal the studio, in the browser's language."""
    page.goto(studio.address)
    expect(page.get_by_text("deschide adresa afișată în terminal")).to_be_visible()
    opened(page, f"{studio.address}/?token={TOKEN}")
    assert page.url == f"{studio.address}/ro/"
    expect(page.get_by_role("heading", level=1)).to_have_text("Învață un model de limbă ceva nou")
    page.locator("#first").click()


def adds_examples(page: Page, folder: Path) -> None:
    """A file with a broken line is explained; without that line it is added and chosen."""
    rows = [chat(f"Cât fac {n} plus {n}?", f"{n} plus {n} fac {n + n}.") for n in range(10, 40)]
    page.get_by_text("Adaugă exemplele mele").click()
    for text, said in (("\n".join([*rows, "{broken"]), "31"), ("\n".join(rows), "30 de exemple")):
        file = folder / f"adunări {len(text)}.jsonl"
        file.write_text(text, encoding="utf-8")
        page.locator("input[type=file]").first.set_input_files(file)
        expect(page.locator("#added")).to_contain_text(said)


def chat(question: str, answer: str) -> str:
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": turns}, ensure_ascii=False)


def chooses(page: Page, studio: Studio) -> None:
    """The forecast is there; a name that cannot be is refused beside the button; a killed studio loses nothing."""
    expect(page.locator(".forecast .verdict")).to_contain_text("Încape")
    typed(page, "Numele rulării", "<img src=x onerror=window.PWN=1>")
    expect(page.locator("#missing")).to_contain_text("nu este permis")
    expect(page.locator("#start")).to_be_disabled()
    page.get_by_text("Setări avansate").click()
    typed(page, "Numele rulării", "prima mea")
    typed(page, "Numărul maxim de pași", "6")
    expect(page.locator("#start")).to_be_enabled()
    studio.kill_page()
    studio.start_page()
    opened(page, f"{studio.address}/ro/")
    tab(page, "train")
    expect(page.get_by_label("Numele rulării").locator("visible=true").first).to_have_value("prima mea")
    page.get_by_text("Setări avansate").click()
    expect(page.get_by_label("Numărul maxim de pași").first).to_have_value("6")
    expect(page.locator("#start")).to_be_enabled()


def starts_and_watches(page: Page) -> None:
    """The chosen run is shown, and its loss appears without anything being pressed."""
    page.locator("#start").click()
    expect(page.locator(".run-head h2")).to_contain_text("prima mea")
    expect(page.locator("figure.chart canvas")).to_be_visible(timeout=LONG)
    page.wait_for_function("Number(document.querySelector('figure.chart')?.dataset.points) >= 2", timeout=LONG)


def comes_back(page: Page) -> None:
    """After a reload the run is still there, with its curve and its answers; it ends well."""
    page.reload()
    tab(page, "runs")
    expect(page.locator(".run-head h2")).to_contain_text("prima mea")
    expect(page.locator(".run-head .state.done")).to_be_visible(timeout=LONG)
    page.wait_for_function("Number(document.querySelector('figure.chart')?.dataset.points) === 6")
    expect(page.locator(".answers tbody tr").first).to_be_visible()


def asks_both(page: Page) -> None:
    """Base and adapter answer the same question side by side, and the markup in it stays text."""
    tab(page, "chat")
    expect(page.get_by_label("Cu adaptorul din").locator("visible=true").first).to_have_value("prima mea")
    question = "Câte picioare are pinguinul? <img src=x onerror=window.PWN2=1>"
    page.locator("#question textarea").press_sequentially(question)
    page.keyboard.press("Enter")
    for pane in (".pane.base", ".pane.adapter"):
        expect(page.locator(f"{pane} .user.message").first).to_contain_text("<img src=x")
        answer = page.locator(f"{pane} .bot.message").last
        expect(answer).to_contain_text(re.compile(r"\w"), timeout=LONG)
        expect(answer).not_to_contain_text("Modelul se încarcă", timeout=LONG)
    expect(page.locator(".toast-body.error")).to_have_count(0)
