"""What a person has: a studio that runs, a browser, and the few things she does in every test."""

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, expect

from backend.paths import ROOT

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
    prefix: str = ""
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
        self.start("studio", "studio.app", "--port", str(self.port), "--root-path", self.prefix)
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
