"""The engine process: `python -m backend.inference.run --workspace DIR [--device cpu|cuda:0] [--idle-seconds N]`.

It listens on 127.0.0.1 before torch is imported, and says where in the workspace's engine.json. One per workspace.
"""

import argparse
import asyncio
import importlib
import json
import logging
import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import psutil
import uvicorn
from filelock import FileLock, Timeout

from backend.errors import ChatError, StudioError
from backend.inference.ask import Ask, Generator, Piece
from backend.inference.front import Service, create
from backend.inference.loads import ENGINE, Loads
from backend.inference.shelf import Shelf
from backend.jobs.folder import write_atomically
from backend.jobs.model import ExitCode
from backend.paths import Workspace

# The one place where the part that imports torch is named; it is imported in a thread, after the port is open.
DECODING = "backend.inference.decoding.run"
TICK_SECONDS = 0.5
log = logging.getLogger("engine")


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    workspace = Workspace(options.workspace.resolve()).create()
    lock = FileLock(workspace.root / "engine.lock", is_singleton=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        sys.stderr.write(f"{ChatError('chat.already_running', workspace=workspace.root)}\n")
        return ExitCode.LOCK_HELD
    for number in (signal.SIGINT, signal.SIGTERM):
        # uvicorn ends the server on these and then raises them again; by then this must clean up, not die.
        signal.signal(number, lambda number, frame: None)
    with lock:
        asyncio.run(serve(workspace, options.device, options.idle_seconds))
    return ExitCode.DONE


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m backend.inference.run", description="The chat engine.")
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda:N; auto takes the first GPU there is")
    parser.add_argument("--idle-seconds", type=float, default=0.0, help="end after so long without use; 0 is never")
    return parser.parse_args(arguments)


async def serve(workspace: Workspace, device: str, idle_seconds: float) -> None:
    """Answer until a signal comes or nobody has asked for `idle_seconds`."""
    loop = asyncio.get_running_loop()

    def post(pieces: list[tuple[Ask, Piece]]) -> None:
        loop.call_soon_threadsafe(hand_out, pieces)

    loads = Loads(workspace)

    def make() -> Generator:
        made: Generator = importlib.import_module(DECODING).Generator(device, post, loads.note)
        loads.note(ENGINE, time.time() - psutil.Process().create_time())
        return made

    promise = in_background(make)
    service = Service(Shelf(workspace), secrets.token_urlsafe(32), promise)
    server = uvicorn.Server(
        uvicorn.Config(
            create(service), log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=2, ws="none"
        )
    )
    with socket.create_server(("127.0.0.1", 0)) as door:
        serving = asyncio.create_task(server.serve(sockets=[door]))
        try:
            await announce(server, workspace, door.getsockname()[1], service.token)
            await watch(server, service, serving, idle_seconds)
        finally:
            workspace.engine_address.unlink(missing_ok=True)
            if promise.done() and not promise.exception():
                promise.result().close()


def in_background(make: Callable[[], Generator]) -> Future[Generator]:
    """Importing torch takes seconds. In a daemon thread, so that a signal meanwhile still ends the process at once."""
    promise: Future[Generator] = Future()

    def work() -> None:
        try:
            promise.set_result(make())
        except Exception as error:
            log.exception("the engine cannot decode")
            promise.set_exception(ChatError("chat.failed") if not isinstance(error, StudioError) else error)

    threading.Thread(target=work, name="importing", daemon=True).start()
    return promise


def hand_out(pieces: list[tuple[Ask, Piece]]) -> None:
    for ask, piece in pieces:
        ask.inbox.put_nowait(piece)


async def announce(server: uvicorn.Server, workspace: Workspace, port: int, token: str) -> None:
    """Write the address once connections are taken."""
    while not server.started:
        await asyncio.sleep(0.005)
    address = {"url": f"http://127.0.0.1:{port}", "token": token, "pid": os.getpid()}
    write_atomically(workspace.engine_address, json.dumps(address), mode=0o600)
    log.info("listening on %s", address["url"])


async def watch(server: uvicorn.Server, service: Service, serving: asyncio.Task[None], idle_seconds: float) -> None:
    """Wait for the server's end, and bring it about after too long without use."""
    while not serving.done():
        await asyncio.wait({serving}, timeout=TICK_SECONDS)
        if idle_seconds and service.idle_seconds() > idle_seconds:
            log.info("nobody asked for %.0f s", idle_seconds)
            server.should_exit = True
    await serving


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    # Everything is cleaned up; taking the interpreter apart with torch in it takes seconds in which memory stays taken.
    os._exit(code)
