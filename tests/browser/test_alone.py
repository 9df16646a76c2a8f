"""The page where there is no network at all: every tab and what is done there, in a namespace with only loopback."""

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from backend.paths import ROOT
from tests.browser.person import TOKEN, Studio, Watch, opened, running, tab, window
from tests.browser.walk import think_nothing, walk

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
INSIDE = "STUDIO_TEST_ALONE"
TABS = ("models", "data", "train", "runs", "chat", "vision", "home")


def apart() -> list[str] | None:
    """The command that runs another one in a network namespace of its own; None where that is not allowed."""
    for way in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        if shutil.which("unshare") and subprocess.run([*way, "true"], capture_output=True).returncode == 0:
            return way
    return None


def raise_loopback() -> None:
    """What `ip link set lo up` does, without needing it."""
    set_flags, up_and_running = 0x8914, 0x1 | 0x40
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        fcntl.ioctl(asked, set_flags, struct.pack("16sh14x", b"lo", up_and_running))


@pytest.mark.skipif(INSIDE in os.environ, reason="this is the inside")
def test_no_tab_needs_the_network() -> None:
    way = apart()
    if way is None:
        pytest.skip("`unshare --net` is refused here: no network namespace of our own can be made")
    command = [*way, sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", __file__]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    inside = subprocess.run(command, cwd=ROOT, env=environment | {INSIDE: "1"}, capture_output=True, text=True)
    assert inside.returncode == 0, inside.stdout
    assert "1 passed" in inside.stdout


@pytest.fixture(scope="module")
def loopback() -> None:
    if INSIDE in os.environ:
        raise_loopback()


@pytest.fixture(scope="module")
def studio(loopback: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """Nobody trains here, so no supervisor; what is asked is answered without thought."""
    with running(tmp_path_factory.mktemp("alone"), supervised=False) as studio:
        think_nothing(studio)
        yield studio


@pytest.mark.skipif(INSIDE not in os.environ, reason="run by the test above, in the namespace")
def test_nothing_that_is_done_on_the_page_asks_the_network(studio: Studio, browser: Browser, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="unreachable"):
        socket.create_connection(("192.0.2.1", 80), timeout=2)
    watch, failed = Watch(studio.address), list[str]()
    page = watch.over(window(browser).new_page())
    # What is aborted is what the page no longer wants, because the next one is opened.
    page.on("requestfailed", lambda sent: failed.append(sent.url) if sent.failure != "net::ERR_ABORTED" else None)
    opened(page, f"{studio.address}/?token={TOKEN}")
    for language in ("en", "ro", "it"):
        opened(page, f"{studio.address}/{language}/")
        for name in TABS:
            tab(page, name)
    walk(page, studio, studio.address, tmp_path, "senza rete")
    assert (watch.outside, watch.broken, failed) == ([], [], [])
