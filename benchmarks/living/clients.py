"""A studio of its own, and what loads it: pages that listen to the stream, and conversations through the chat."""

import asyncio
import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil

from backend.jobs.folder import RunFolder
from backend.messages import LANGUAGES
from backend.paths import ROOT
from benchmarks.living.staged import Course, write

TOKEN = "benchmark-live"
PATIENCE_SECONDS = 60.0
STEPS_PER_SECOND = 4


@dataclass
class Studio:
    """A studio process on a workspace, and the cookie of a session in it."""

    workspace: Path
    port: int
    process: subprocess.Popen[bytes]
    cookie: str = ""

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def log_in(self) -> None:
        connection = self.connect()
        connection.request("GET", f"/?token={TOKEN}")
        self.cookie = (connection.getresponse().getheader("set-cookie") or "").partition(";")[0]
        connection.close()

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """The JSON answer; RuntimeError when it is a refusal."""
        with contextlib.closing(self.connect()) as connection:
            sent = json.dumps(body) if body is not None else None
            connection.request(method, path, sent, {"cookie": self.cookie, "content-type": "application/json"})
            answer = connection.getresponse()
            said = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {said[:200]!r}")
        return json.loads(said)

    @property
    def cpu_seconds(self) -> float:
        used = psutil.Process(self.process.pid).cpu_times()
        return used.user + used.system

    @property
    def resident(self) -> int:
        return int(psutil.Process(self.process.pid).memory_info().rss)


@contextlib.contextmanager
def studio(workspace: Path) -> Iterator[Studio]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    command = [sys.executable, "-m", "studio.app", "--workspace", str(workspace), "--port", str(port)]
    environment = {**os.environ, "STUDIO_TOKEN": TOKEN}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        wait_for(port, process)
        running = Studio(workspace, port, process)
        running.log_in()
        yield running
    finally:
        process.kill()
        process.wait()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("the studio did not start")


@contextlib.contextmanager
def training(run: RunFolder, first: int) -> Iterator[None]:
    """Somebody writes this run's events meanwhile, a few steps a second."""
    over = threading.Event()
    course = Course(steps=100_000)

    def speak() -> None:
        step = first
        while not over.wait(1 / STEPS_PER_SECOND):
            step += 1
            write(run.events, [course.step(step)])
            if step % STEPS_PER_SECOND == 0:
                write(run.events, [course.memory(course.time(step), step)])

    speaker = threading.Thread(target=speak)
    speaker.start()
    try:
        yield
    finally:
        over.set()
        speaker.join()


@dataclass
class Heard:
    """When each update reached one page (monotonic seconds), and whether the stream broke."""

    at: list[float] = field(default_factory=list)
    broken: bool = False

    def gaps(self, begin: float, end: float) -> list[float]:
        """Seconds between one update and the next, the last one counted to the end."""
        within = [moment for moment in self.at if begin <= moment <= end]
        return [after - before for before, after in pairwise([*(within or [begin]), end])]


async def listen(studio: Studio, run: str, language: str, until: float) -> Heard:
    """One page, until the monotonic moment `until`."""
    heard = Heard()
    reader, writer = await asyncio.open_connection("127.0.0.1", studio.port, limit=2**24)
    path = f"/live?language={language}&run={run}"
    writer.write(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncookie: {studio.cookie}\r\n\r\n".encode())
    try:
        async with asyncio.timeout(until - time.monotonic()):
            while line := await reader.readline():
                if line.startswith(b"event: curves"):
                    heard.at.append(time.monotonic())
        heard.broken = True
    except TimeoutError:
        pass
    except OSError:
        heard.broken = True
    finally:
        writer.close()
    return heard


async def pages(studio: Studio, run: str, count: int, seconds: float) -> list[Heard]:
    """So many pages at once, in the three languages by turns."""
    until = time.monotonic() + seconds
    listening = [listen(studio, run, LANGUAGES[number % len(LANGUAGES)], until) for number in range(count)]
    return list(await asyncio.gather(*listening))


def converse(studio: Studio, until: float) -> int:
    """Asks again and again through the page's own routes, reading each answer to its end; how many were whole."""
    whole = 0
    while time.monotonic() < until:
        asked = studio.ask("POST", "/chat/ask?language=en", {"question": f"Question {whole}?", "base": "starter"})
        with contextlib.closing(studio.connect()) as connection:
            connection.request(
                "GET", f"/chat/stream?language=en&chat={asked['chat']}", headers={"cookie": studio.cookie}
            )
            answer = connection.getresponse()
            if not any(line.startswith(b"event: done") for line in answer):
                raise RuntimeError("an answer broke off")
        whole += 1
    return whole
