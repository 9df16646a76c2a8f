"""What stands between a browser and the studio elsewhere: a proxy with its own path, a tunnel from another port."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "proxy-authorization"}
EVERY_METHOD = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def reverse_proxy(port: int, prefix: str, *, strip: bool) -> Starlette:
    """Everything below `prefix` goes to `port`, as nginx sends it: with `strip` the studio does not see the prefix."""
    client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=None, follow_redirects=False)

    async def forward(request: Request) -> Response:
        path = request.url.path.removeprefix(prefix) if strip else request.url.path
        target = httpx.URL(path=path or "/", query=request.url.query.encode())
        headers = [(name, value) for name, value in request.headers.items() if name not in HOP_BY_HOP]
        asked = client.build_request(request.method, target, headers=headers, content=await request.body())
        answer = await client.send(asked, stream=True)

        async def body() -> AsyncIterator[bytes]:
            try:
                async for piece in answer.aiter_raw():
                    yield piece
            finally:
                await answer.aclose()

        given = StreamingResponse(body(), answer.status_code)
        given.raw_headers = [pair for pair in answer.headers.raw if pair[0].lower().decode() not in HOP_BY_HOP]
        return given

    return Starlette(routes=[Route(f"{prefix}/{{rest:path}}", forward, methods=EVERY_METHOD)])


@contextlib.contextmanager
def served(app: Starlette) -> Iterator[int]:
    """The port on which `app` answers, for as long as this is open."""
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", timeout_graceful_shutdown=1)
    )
    with in_a_thread(server.serve):
        while not server.started:
            threading.Event().wait(0.02)
        yield int(server.servers[0].sockets[0].getsockname()[1])
        server.should_exit = True


@contextlib.contextmanager
def tunnel(port: int) -> Iterator[int]:
    """Another port whose bytes go to `port` and back, as through `ssh -L`."""
    ready, where, ends = threading.Event(), [0], asyncio.Event()
    loop: list[asyncio.AbstractEventLoop] = []

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(65536):
                writer.write(piece)
                await writer.drain()
            writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pipe(reader, back), pipe(there, writer))

    async def listen() -> None:
        loop.append(asyncio.get_running_loop())
        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        where[0] = server.sockets[0].getsockname()[1]
        ready.set()
        await ends.wait()
        server.close()

    with in_a_thread(listen):
        ready.wait()
        yield where[0]
        loop[0].call_soon_threadsafe(ends.set)


@contextlib.contextmanager
def in_a_thread(work: Callable[[], Coroutine[Any, Any, Any] | Awaitable[Any]]) -> Iterator[None]:
    """`work` runs beside the test, and has ended when this is left."""

    async def go() -> None:
        await work()

    thread = threading.Thread(target=lambda: asyncio.run(go()), daemon=True)
    thread.start()
    yield
    thread.join(timeout=30)
