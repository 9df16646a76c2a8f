"""What a person has: a studio that runs, a browser, and the few things she does in every test."""

import contextlib
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError
from sqlalchemy import delete

from backend.ledger.schema import drafts as typed_before
from backend.ledger.store import Ledger
from backend.paths import ROOT, Workspace

TOKEN = "browser-journey-token"
# How long is waited for what a person sees at once, and for what a model or a run takes. A machine that is busy with
# something else makes all of it slow; what never comes costs the wait once.
PATIENCE = 60_000
LONG = 240_000
expect.set_options(timeout=PATIENCE)
SCREEN = {"width": 1366, "height": 768}
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-domain-reliability", "--no-pings",
    "--disable-default-apps",
]  # fmt: skip
# How many questions to the server are open in the page. What follows from an answer is asked at once after it, so each
# counts a moment longer. Following a log and keeping a session never ends.
ASKING = """
window.asking = 0;
const fetched = window.fetch;
window.fetch = (...asked) => {
  const counts = !/[/](log|heartbeat)\\b/.test(asked[0]?.url ?? asked[0]);
  if (counts) window.asking += 1;
  return fetched(...asked).finally(() => counts && setTimeout(() => (window.asking -= 1), 100));
};
"""
TWO_FRAMES = "new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(drawn))))"


@dataclass
class Studio:
    """A studio and its supervisor as real processes on one workspace."""

    workspace: Path
    port: int
    log: IO[bytes]
    prefix: str = ""
    session: StorageState | None = None
    page: str = "studio.app"
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.prefix}"

    def start(self, name: str, *module: str) -> None:
        command = [sys.executable, "-m", *module, "--workspace", str(self.workspace)]
        environment = {**os.environ, "STUDIO_TOKEN": TOKEN, "OMP_NUM_THREADS": "1"}
        self.processes[name] = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=self.log, stderr=self.log, start_new_session=True
        )

    def start_page(self) -> None:
        self.start("studio", self.page, "--port", str(self.port), "--root-path", self.prefix)
        end = time.monotonic() + LONG / 1000
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.processes["studio"].poll() is None, f"the studio ended at once, see {self.log.name}"
            time.sleep(0.1)
        raise AssertionError("the studio does not listen")

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


def free_port() -> int:
    """One that stays free: below the range from which the kernel takes ports for connections that go out.

    Chance of its own: where a test has seeded Python's, two files that run at the same time would take the same port.
    """
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for port in random.SystemRandom().sample(range(lowest // 2, lowest), 100):
        with socket.socket() as free, contextlib.suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


@contextlib.contextmanager
def running(root: Path, prefix: str = "", *, supervised: bool = True, page: str = "studio.app") -> Iterator[Studio]:
    """A studio on the workspace `root`/workspace, its log beside it. Without a supervisor nothing is started. `page`:
    the module that serves it.
    """
    with (root / "log.txt").open("ab") as log:
        studio = Studio(root / "workspace", free_port(), log, prefix, page=page)
        try:
            studio.start_page()
            if supervised:
                studio.start("supervisor", "backend.jobs.supervisor")
            yield studio
        finally:
            studio.end()


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """The browser that the machine has."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if (path := shutil.which(name))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS, timeout=LONG)
        yield browser
        browser.close()


def window(browser: Browser, **look: Any) -> BrowserContext:
    """A window of its own; how it looks is said as to Playwright's `new_context`."""
    context = browser.new_context(**{"viewport": SCREEN, **look})
    context.add_init_script(ASKING)
    context.set_default_timeout(PATIENCE)
    return context


def signed_in(browser: Browser, studio: Studio, *, drafts: bool = False, **look: Any) -> BrowserContext:
    """A window of its own, signed in. The token works once: every window has the session of the first.

    What was typed in another one is forgotten but for `drafts`: no test begins in the middle of the one before it.
    """
    while not drafts and forgotten(Ledger.of(Workspace(studio.workspace))):
        time.sleep(0.5)  # what a window sends while it closes comes late
    if studio.session is None:
        first = browser.new_context()
        first.request.get(f"{studio.address}/?token={TOKEN}", max_redirects=0, timeout=PATIENCE)
        studio.session = first.storage_state()
        first.close()
    return window(browser, storage_state=studio.session, **look)


def forgotten(ledger: Ledger) -> int:
    """How many people's drafts there were."""
    with ledger.write() as rows:
        return int(rows.execute(delete(typed_before)).rowcount)


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
    for attempt in range(5):
        try:
            page.goto(address)
            break
        except PlaywrightError as error:
            if attempt == 4 or not re.search("ERR_ABORTED|interrupted by another navigation", str(error)):
                raise
    expect(page.locator("#device")).not_to_be_empty()
    still(page)


def still(page: Page) -> None:
    """Until everything that the page has asked is answered and drawn: for what comes of an act and cannot be seen."""
    page.evaluate(TWO_FRAMES)
    page.wait_for_function("window.asking === 0")
    page.evaluate(TWO_FRAMES)


def until(page: Page, true: Callable[[], Any]) -> None:
    """Wait for what is seen in the workspace, not on the page."""
    end = time.monotonic() + PATIENCE / 1000
    while not true():
        assert time.monotonic() < end, "it did not come to that"
        page.wait_for_timeout(50)


def tab(page: Page, name: str) -> None:
    """Pressed, and seen: what is done next is done there."""
    page.locator(f"#tab-{name}-button").click()
    expect(page.locator(f"#tab-{name}-button")).to_have_attribute("aria-selected", "true")
    expect(page.locator(f"#tab-{name}")).to_be_visible()
    still(page)


def typed(page: Page, label: str, text: str) -> None:
    """Key by key, as a person types."""
    box = page.get_by_label(label).locator("visible=true").first
    box.press("Control+a")
    box.press_sequentially(text)
