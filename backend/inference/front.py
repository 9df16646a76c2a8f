"""The HTTP side of the engine: OpenAI's interface on loopback, behind a token; it answers before torch is there."""

import asyncio
import hmac
import time
import uuid
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.errors import AccessError, ChatError, StudioError
from backend.inference import parts, wire
from backend.inference.ask import Ask, Generator, Piece
from backend.inference.shelf import Shelf
from backend.people import HOME, Person

MAX_ASKS = 256
HEARTBEAT_SECONDS = 5.0
MISSING = ("chat.no_model", "chat.not_trained")
BUSY = ("chat.too_many", "chat.busy", "chat.no_memory")


@dataclass
class Service:
    """What the handlers share, in the event loop only; `generator` is a promise until torch is imported."""

    shelf: Shelf
    token: str
    generator: Future[Generator]
    asks: set[Ask] = field(default_factory=set)
    last_used: float = field(default_factory=time.monotonic)

    async def ready(self) -> Generator:
        return await asyncio.wrap_future(self.generator)

    def touched(self) -> None:
        self.last_used = time.monotonic()

    def idle_seconds(self) -> float:
        return 0.0 if self.asks else time.monotonic() - self.last_used


def create(service: Service) -> Starlette:
    app = Starlette(
        routes=[
            Route("/v1/models", models),
            Route("/v1/chat/completions", Chat(), methods=["POST"]),
            Route("/unload", unload, methods=["POST"]),
            Route("/health", health),
        ],
        middleware=[Middleware(TokenOnly, token=service.token)],
        exception_handlers={StudioError: said},
    )
    app.state.service = service
    return app


class TokenOnly:
    """Nothing is answered without the token, which only the owner of the workspace can read."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._wanted = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = dict(scope.get("headers", [])).get(b"authorization", b"")
        if scope["type"] == "http" and not hmac.compare_digest(given, self._wanted):
            refusal = wire.error(AccessError("chat.wrong_token"), kind="authentication_error")
            await JSONResponse(refusal, status_code=401)(scope, receive, send)
            return
        await self._app(scope, receive, send)


async def said(request: Request, error: Exception) -> Response:
    """A StudioError as OpenAI's error object with the status a client expects."""
    assert isinstance(error, StudioError)
    return JSONResponse(wire.error(error), status_code=status(error))


def status(error: StudioError) -> int:
    if error.key in MISSING or isinstance(error, AccessError):
        return 404
    if error.key == "chat.too_large":
        return 413
    if error.key == "chat.failed":
        return 500
    return 503 if error.key in BUSY else 422


def person(request: Request) -> Person:
    """For whom the studio asks; it holds the token and has checked who that is."""
    return Person(request.headers.get("x-studio-person", HOME.id))


async def models(request: Request) -> Response:
    service: Service = request.app.state.service
    service.touched()
    names = await asyncio.to_thread(service.shelf.names, person(request))
    listed = [{"id": name, "object": "model", "created": 0, "owned_by": "studio"} for name in names]
    return JSONResponse({"object": "list", "data": listed})


async def health(request: Request) -> Response:
    """Does not count as use: who only looks whether the engine lives does not keep it alive."""
    service: Service = request.app.state.service
    loaded = service.generator.done()
    found: dict[str, Any] = service.generator.result().describe() if loaded else {"models": [], "memory_bytes": 0}
    return JSONResponse({"ready": True, "loaded": loaded, "busy": len(service.asks)} | found)


async def unload(request: Request) -> Response:
    service: Service = request.app.state.service
    force = request.query_params.get("force") == "1"
    loaded = service.generator.done()
    if loaded and not await asyncio.to_thread(service.generator.result().unload, force=force):
        raise ChatError("chat.busy", count=len(service.asks))
    return JSONResponse({"unloaded": True})


class Chat:
    """Answers one question, streamed or whole; however it ends, the place in the batch is free again."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        service: Service = request.app.state.service
        service.touched()
        asked = wire.read(await body(request))
        if len(service.asks) >= MAX_ASKS:
            raise ChatError("chat.too_many", most=MAX_ASKS)
        target = await asyncio.to_thread(service.shelf.find, person(request), asked.model)
        if parts.pictures(asked.messages) and not target.sees:
            raise ChatError("chat.no_eyes", name=asked.model)
        ask = Ask(target, asked.messages, asked.sampling)
        watch = asyncio.create_task(leaving(receive, ask))
        service.asks.add(ask)
        try:
            (await service.ready()).submit(ask)
            first = await soon(ask)
            answer_id = f"chatcmpl-{uuid.uuid4().hex}"
            if asked.stream:
                chunks = wire.Chunks(
                    answer_id, asked.model, with_usage=asked.include_usage, on_the_way=asked.usage_on_the_way
                )
                await stream(send, ask, chunks, first)
            else:
                text, last = await whole(ask, first)
                await JSONResponse(wire.completion(answer_id, asked.model, text, last))(scope, receive, send)
        finally:
            watch.cancel()
            ask.cancelled = True
            service.asks.discard(ask)
            service.touched()


async def leaving(receive: Receive, ask: Ask) -> None:
    """Wait until the client hangs up, then end the answer."""
    while (await receive())["type"] != "http.disconnect":
        pass
    ask.cancelled = True
    ask.inbox.put_nowait(Piece(finish="stop"))


async def body(request: Request) -> bytes:
    """The body, read no further than the limit; ChatError when it is larger."""
    read = bytearray()
    async for part in request.stream():
        read += part
        if len(read) > wire.MOST_BYTES:
            raise ChatError("chat.too_large", most=wire.MOST_BYTES // 2**20)
    return bytes(read)


async def soon(ask: Ask) -> Piece | None:
    """The first piece, so that an error still has its HTTP status; None when it takes longer (a model is loading)."""
    first = await next_piece(ask)
    if first and first.error:
        raise first.error
    return first


async def whole(ask: Ask, piece: Piece | None) -> tuple[str, Piece]:
    """The whole text and the last piece; StudioError when the answer failed."""
    texts: list[str] = []
    while True:
        if piece:
            texts.append(piece.text)
            if piece.error:
                raise piece.error
            if piece.last:
                return "".join(texts), piece
        piece = await ask.inbox.get()


async def stream(send: Send, ask: Ask, chunks: wire.Chunks, piece: Piece | None) -> None:
    """Server-sent events as the pieces come; a comment now and then while there are none, so that nobody gives up."""
    headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    event = chunks.first()
    while True:
        event += wire.HEARTBEAT if piece is None else chunks.piece(piece)
        last = piece is not None and piece.last
        if event:
            await send({"type": "http.response.body", "body": event, "more_body": not last})
        if last:
            return
        event = b""
        piece = await next_piece(ask)


async def next_piece(ask: Ask) -> Piece | None:
    """None after a while without one."""
    if not ask.inbox.empty():
        return ask.inbox.get_nowait()
    with suppress(TimeoutError):
        async with asyncio.timeout(HEARTBEAT_SECONDS):
            return await ask.inbox.get()
    return None
