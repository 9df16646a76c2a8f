"""What happens, as it happens: one stream of server-sent events for each open page.

One task looks at the ledger and at the run folders that somebody watches, once a second, however many pages are open,
and hands the same bytes to all of them. A page that comes back (or a browser that reconnects) gets the whole state.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from backend.errors import AccessError
from backend.hardware import Machine
from backend.jobs.events import Attempt
from backend.jobs.model import Job
from backend.jobs.tail import Tail
from backend.messages import LANGUAGES
from studio.services.door import Services
from studio.text import Words
from studio.views import runs as views
from studio.views.machine import device_line
from studio.views.series import Curves

TICK = 1.0
HEARTBEAT = 15.0
MACHINE_TICKS = 5
LOG_BYTES = 20_000


@dataclass
class Watched:
    """One run that somebody watches: its tail, folded into curves."""

    tail: Tail
    curves: Curves = field(default_factory=Curves)

    def read(self) -> dict[str, Any] | None:
        """What was said since the last call, as an update for the page; None when nothing was."""
        events = self.tail.new()
        if not events:
            return None
        curves = self.curves
        before = len(curves.loss), len(curves.eval), len(curves.memory)
        for said in events:
            curves.fold(said)
        if any(isinstance(said, Attempt) for said in events):
            return views.curves_in_full(curves)
        return views.curves_since(curves, *before)


def as_json(said: Any) -> str:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


@dataclass(eq=False)
class Listener:
    """One open page: its language, the run it looks at, and what it has not been sent yet."""

    words: Words
    run: str | None
    waiting: asyncio.Queue[bytes] = field(default_factory=lambda: asyncio.Queue(maxsize=50))
    heard: dict[str, str] = field(default_factory=dict)
    lost: bool = False

    def tell(self, **said: str) -> None:
        """Queues these events, in one piece, without those that are the very same as before.

        A page that does not read what waits for it is let go.
        """
        new = {name: text for name, text in said.items() if self.heard.get(name) != text}
        self.heard |= new
        try:
            if new:
                self.waiting.put_nowait("".join(f"event: {name}\ndata: {new[name]}\n\n" for name in new).encode())
        except asyncio.QueueFull:
            self.lost = True


@dataclass
class Look:
    """What there is to see at one moment; each text is made once, however many pages are told."""

    jobs: dict[str, Job]
    changes: dict[str, str]
    machine: Machine | None
    watched: dict[str, Watched]
    _made: dict[tuple[str, ...], str] = field(default_factory=dict)

    def _once(self, *key: str, make: Callable[[], Any]) -> str:
        if key not in self._made:
            self._made[key] = as_json(make())
        return self._made[key]

    def tell(self, listener: Listener) -> None:
        words, run = listener.words, listener.run
        said = {"runs": self._once("runs", words.language, make=lambda: self._rows(words))}
        if (machine := self.machine) is not None:
            said["machine"] = self._once("machine", words.language, make=lambda: device_line(machine, words))
        if run is not None and run in self.jobs:
            said |= self._of_run(run, words, begun="curves" in listener.heard)
        listener.tell(**said)

    def _of_run(self, run: str, words: Words, *, begun: bool) -> dict[str, str]:
        curves = self.watched[run].curves
        status = self._once("status", run, words.language, make=lambda: views.status(self.jobs[run], curves, words))
        if not begun:
            return {"curves": self._once("all", run, make=lambda: views.curves_in_full(curves)), "status": status}
        return {"curves": self.changes[run], "status": status} if run in self.changes else {"status": status}

    def _rows(self, words: Words) -> list[dict[str, Any]]:
        known = {run: watched.curves for run, watched in self.watched.items()}
        return [views.run_line(job, known.get(job.id), words) for job in self.jobs.values()]


@dataclass
class Live:
    """The one task and the pages that listen to it."""

    services: Services
    listeners: set[Listener] = field(default_factory=set)
    watched: dict[str, Watched] = field(default_factory=dict)
    ticks: int = 0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _task: asyncio.Task[None] | None = None

    async def stream(self, words: Words, run: str | None) -> AsyncIterator[bytes]:
        """Everything one page is told, until it goes away."""
        listener = Listener(words, run)
        self.listeners.add(listener)
        watching = self._watching()
        try:
            yield b"retry: 2000\n\n"
            await self.look(only=listener)
            while not listener.lost and not watching.done():
                try:
                    yield await asyncio.wait_for(listener.waiting.get(), HEARTBEAT)
                except TimeoutError:
                    yield b": still here\n\n"
        finally:
            self.listeners.discard(listener)

    def _watching(self) -> asyncio.Task[None]:
        """The one task; begun again when it had ended because nobody listened, or because something broke."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())
        return self._task

    async def _watch(self) -> None:
        """Ends by itself when the last page has gone."""
        while self.listeners:
            await asyncio.sleep(TICK)
            await self.look()

    async def look(self, only: Listener | None = None) -> None:
        """One look at everything that somebody watches; with `only`, the whole state for one page that just came."""
        async with self._lock:
            jobs = {job.id: job for job in await asyncio.to_thread(self.services.runs)}
            changes = await self._read(jobs, only)
            self.ticks += 1
            due = only is not None or self.ticks % MACHINE_TICKS == 0
            machine = await asyncio.to_thread(self.services.machine) if due else None
            look = Look(jobs, changes, machine, self.watched)
            for listener in [only] if only else list(self.listeners):
                look.tell(listener)

    async def _read(self, jobs: dict[str, Job], only: Listener | None) -> dict[str, str]:
        """What each watched run has said since the last look; for one new page, only what nobody has read yet."""
        wanted = {run for run, job in jobs.items() if job.active}
        wanted |= {listener.run for listener in self.listeners if listener.run in jobs}
        self.watched = {run: watched for run, watched in self.watched.items() if run in wanted}
        new = wanted - self.watched.keys()
        for run in new:
            self.watched[run] = Watched(Tail(self.services.folder(run).events))
        changes = {run: await asyncio.to_thread(self.watched[run].read) for run in (new if only else wanted)}
        return {run: as_json(change) for run, change in changes.items() if change is not None}


def add_routes(app: FastAPI, live: Live) -> None:
    """`/live` streams; `/log` is the end of one run's log. The gate in front has checked the session."""

    @app.get("/live")
    async def stream(language: str, run: str | None = None) -> Response:
        if language not in LANGUAGES:
            return PlainTextResponse("Not found", 404)
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(live.stream(Words(language), run), media_type="text/event-stream", headers=headers)

    @app.get("/log")
    def log(run: str) -> Response:
        try:
            path = live.services.folder(run).log
        except AccessError:
            return PlainTextResponse("Not found", 404)
        return PlainTextResponse(end_of(path), headers={"cache-control": "no-store"})


def end_of(path: Path, most: int = LOG_BYTES) -> str:
    """The last `most` bytes of a text file, from the beginning of a line."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - most))
        text = file.read().decode("utf-8", errors="replace")
    return text if size <= most else text.partition("\n")[2]
