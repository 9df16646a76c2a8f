"""What happens, as it happens: one stream of server-sent events for each open page.

One task looks at the ledger and at the run folders that somebody watches, once a second, however many pages are open,
and hands the same bytes to all of them. A page that comes back (or a browser that reconnects) gets the whole state.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from backend.errors import AccessError
from backend.jobs.events import Attempt
from backend.jobs.model import Job
from backend.jobs.tail import Tail
from backend.messages import LANGUAGES
from studio.services import Services
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


def event(name: str, said: Any, number: int) -> bytes:
    return f"id: {number}\nevent: {name}\ndata: {json.dumps(said, ensure_ascii=False)}\n\n".encode()


@dataclass(eq=False)
class Listener:
    """One open page: its language, the run it looks at, and what it has not been sent yet."""

    words: Words
    run: str | None
    waiting: asyncio.Queue[bytes] = field(default_factory=lambda: asyncio.Queue(maxsize=50))
    heard: dict[str, Any] = field(default_factory=dict)
    begun: bool = False
    lost: bool = False

    def tell(self, name: str, said: Any, number: int, *, always: bool = False) -> None:
        """Queues the event unless the page has heard the very same; a page that does not read is let go."""
        if not always:
            if self.heard.get(name) == said:
                return
            self.heard[name] = said
        try:
            self.waiting.put_nowait(event(name, said, number))
        except asyncio.QueueFull:
            self.lost = True


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
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())
        try:
            yield b"retry: 2000\n\n"
            await self.look(only=listener)
            while not listener.lost:
                try:
                    yield await asyncio.wait_for(listener.waiting.get(), HEARTBEAT)
                except TimeoutError:
                    yield b": still here\n\n"
        finally:
            self.listeners.discard(listener)

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
            for words in {listener.words for listener in ([only] if only else self.listeners)}:
                rows = [views.run_line(job, self._curves(job.id), words) for job in jobs.values()]
                line = device_line(machine, words) if machine else None
                for listener in [only] if only else [one for one in self.listeners if one.words == words]:
                    listener.tell("runs", rows, self.ticks)
                    if line is not None:
                        listener.tell("machine", line, self.ticks)
                    if listener.run in jobs:
                        self._tell_run(listener, jobs[listener.run], changes)

    async def _read(self, jobs: dict[str, Job], only: Listener | None) -> dict[str, dict[str, Any] | None]:
        """What each watched run has said since the last look; for one new page, only what nobody has read yet."""
        wanted = {run for run, job in jobs.items() if job.active}
        wanted |= {listener.run for listener in self.listeners if listener.run in jobs}
        self.watched = {run: watched for run, watched in self.watched.items() if run in wanted}
        new = wanted - self.watched.keys()
        for run in new:
            self.watched[run] = Watched(Tail(self.services.folder(run).events))
        reading = new if only else wanted
        return {run: await asyncio.to_thread(self.watched[run].read) for run in reading}

    def _tell_run(self, listener: Listener, job: Job, changes: dict[str, dict[str, Any] | None]) -> None:
        curves = self.watched[job.id].curves
        if not listener.begun:
            listener.begun = True
            listener.tell("curves", views.curves_in_full(curves), self.ticks, always=True)
        elif change := changes.get(job.id):
            listener.tell("curves", change, self.ticks, always=True)
        listener.tell("status", views.status(job, curves, listener.words), self.ticks)

    def _curves(self, run: str) -> Curves | None:
        return self.watched[run].curves if run in self.watched else None


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
