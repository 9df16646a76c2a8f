"""What happens, as it happens: one stream of server-sent events for each open page.

One task looks at the ledger and at the run folders that somebody watches, once a second, however many pages are open.
What has changed is written once for each language and run, and every page of that kind is handed the very same bytes.
A page that comes (or comes back) gets the whole state first.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qs, quote

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from backend.errors import AccessError
from backend.hardware import Machine
from backend.jobs.folder import RunFolder
from backend.messages import LANGUAGES
from studio.services.curves import Watched
from studio.services.door import Services
from studio.services.logs import Level
from studio.services.look import Kind, Look, Talk, said
from studio.text import Words
from studio.views.curves.compare import Metric, compared
from studio.views.queue import in_queue

TICK = 1.0
HEARTBEAT_TICKS = 15
MACHINE_TICKS = 5
MOST_WAITING = 50
ALIVE = b": still here\n\n"
FRESH = {"cache-control": "no-store"}
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


@dataclass(eq=False)
class Listener:
    """One open page: its language, the run it looks at, and what it has not been sent yet. `ended`: nothing more."""

    words: Words
    run: str | None
    waiting: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)
    ended: bool = False

    @property
    def kind(self) -> Kind:
        return self.words.language, self.run

    def tell(self, piece: bytes) -> None:
        """A page that does not read what waits for it is let go."""
        if self.waiting.qsize() >= MOST_WAITING:
            self.end()
        elif piece and not self.ended:
            self.waiting.put_nowait(piece)

    def end(self) -> None:
        if not self.ended:
            self.ended = True
            self.waiting.put_nowait(None)

    async def pieces(self) -> AsyncIterator[bytes]:
        """Everything this page is told, until it ends."""
        while (piece := await self.waiting.get()) is not None:
            yield piece


@dataclass
class Live:
    """The one task and the pages that listen to it."""

    services: Services
    listeners: set[Listener] = field(default_factory=set)
    looks: int = 0
    _last: Look = field(default_factory=Look)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _task: asyncio.Task[None] | None = None
    _opening: dict[str, asyncio.Task[Any]] = field(default_factory=dict)
    _folders: dict[str, RunFolder] = field(default_factory=dict)

    @asynccontextmanager
    async def listening(self, words: Words, run: str | None) -> AsyncIterator[Listener]:
        """A page that is told everything until it leaves."""
        listener = Listener(words, run)
        listener.tell(b"retry: 2000\n\n")
        try:
            await self._welcome(listener)
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._watch())
            yield listener
        finally:
            self.listeners.discard(listener)

    async def _welcome(self, listener: Listener) -> None:
        """The whole state, as fresh as can be: one look serves all the pages that came before it began."""
        looks, run = self.looks, listener.run
        if run is not None:
            with suppress(AccessError):
                await self._open(run)
        async with self._lock:
            if looks == self.looks or (run is not None and run not in self._last.watched):
                await self._look(run)
            listener.tell(await asyncio.to_thread(self._last.everything, listener.kind))
            self.listeners.add(listener)

    async def _open(self, run: str) -> None:
        """Reads a run to its end, outside the lock: a very long one must not hold up the others."""
        if not (await asyncio.to_thread(self._take, run)).whole_read:
            await asyncio.shield(self._opened(run))

    def _opened(self, run: str) -> asyncio.Task[Any]:
        """The task that reads it, one for all who want it."""
        if run not in self._opening:
            self._opening[run] = asyncio.create_task(asyncio.to_thread(lambda: self._take(run).catch_up()))
            self._opening[run].add_done_callback(lambda _: self._opening.pop(run, None))
        return self._opening[run]

    def _take(self, run: str) -> Watched:
        """AccessError when there is no such run."""
        if run not in self._folders:
            self._folders[run] = self.services.folder(run)
        return self.services.curves.take(self._folders[run])

    async def _watch(self) -> None:
        """Ends by itself when the last page has gone; when something breaks, the pages are let go and come again."""
        try:
            while self.listeners:
                await asyncio.sleep(TICK)
                async with self._lock:
                    await self._look()
        finally:
            for listener in self.listeners:
                listener.end()

    async def _look(self, also: str | None = None) -> None:
        """One look at everything that somebody watches, and what is new in it to every page that listens."""
        self.looks += 1
        wanted = {also, *(listener.run for listener in self.listeners)}
        before = self._last
        self._last = await asyncio.to_thread(self._see, before.machine, wanted)
        for run in self._last.unread:
            self._opened(run)
        pieces: dict[Kind, bytes] = {}
        for listener in self.listeners:
            if listener.kind not in pieces:
                pieces[listener.kind] = self._last.since(before, listener.kind)
            listener.tell(pieces[listener.kind] or (ALIVE if self.looks % HEARTBEAT_TICKS == 0 else b""))

    def _see(self, machine: Machine | None, wanted: set[str | None]) -> Look:
        """Reads what is new; a run that nobody has read yet is left to a task of its own."""
        if machine is None or self.looks % MACHINE_TICKS == 0:
            machine = self.services.machine()
        look = Look({job.id: job for job in self.services.runs()}, machine)
        for run, job in look.jobs.items():
            if not job.active and run not in wanted:
                continue
            watched = self._take(run)
            if watched.whole_read:
                look.watched[run] = watched
                events = watched.news(job.forecast_bytes)
                look.news[run] = b"".join(said(*one) for one in events.items())
            else:
                look.unread.append(run)
        look.models, look.coming = self.services.my_models.version(), self.services.my_models.coming()
        look.sets, look.imports = self.services.my_data.version(), self.services.bringing.importing()
        look.talk = Talk.of(self.services.chats.changes, self._last.talk)
        curves = {run: watched.curves for run, watched in look.watched.items()}
        look.places = in_queue(look.jobs.values(), curves, self.services.my_runs.forecast_seconds)
        return look


@dataclass(frozen=True)
class Stream:
    """The route of the stream, straight on ASGI: with a wrapper for each page an update costs twice as much."""

    live: Live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = parse_qs(scope["query_string"].decode("latin1"))
        language, run = asked.get("language", [""])[0], asked.get("run", [None])[0]
        if language not in LANGUAGES:
            await PlainTextResponse("Not found", 404)(scope, receive, send)
            return
        async with self.live.listening(Words(language), run) as listener:
            await send({"type": "http.response.start", "status": 200, "headers": list(HEADERS)})
            leaving = asyncio.create_task(until_gone(receive, listener))
            try:
                async for piece in listener.pieces():
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            finally:
                leaving.cancel()
        await send({"type": "http.response.body", "body": b""})


async def until_gone(receive: Receive, listener: Listener) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    listener.end()


def add_routes(app: FastAPI, live: Live) -> None:
    """`/live` streams; a page fetches `/log` (what is looked for), `/log/whole` (a file) and `/compare`.

    The gate in front has checked the session.
    """
    services = live.services
    app.router.routes.append(Route("/live", Stream(live)))

    @app.get("/log")
    def log(run: str, text: str = "", level: Level = "info", known: int = -1) -> Response:
        found = services.logs.find(run, text, level, known)
        return Response(status_code=204) if found is None else JSONResponse(found._asdict(), headers=FRESH)

    @app.get("/log/whole")
    def whole_log(run: str) -> Response:
        name = quote(f"{services.logs.job(run).name}.log.txt", safe="")
        headers = FRESH | {"content-disposition": f"attachment; filename*=utf-8''{name}"}
        return StreamingResponse(services.logs.whole(run), media_type="text/plain", headers=headers)

    @app.get("/compare")
    def compare(language: Literal["en", "ro", "it"], runs: str, metric: Metric = "loss") -> Response:
        found = services.compare.of(runs.split(","))
        return JSONResponse(compared(found, metric, Words(language)), headers=FRESH)

    @app.exception_handler(AccessError)
    def nothing_there(_: Request, error: Exception) -> Response:
        return PlainTextResponse("Not found", 404)
