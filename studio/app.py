"""The web process: `python -m studio.app --workspace DIR`. Reads and writes rows; killing it touches no run."""

import argparse
import asyncio
import hashlib
import importlib.util
import json
import os
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.errors import StudioError
from backend.jobs.model import ExitCode
from backend.messages import LANGUAGES
from backend.setup.start import tether
from backend.setup.start.address import require_this_machine_only
from studio.downloads import add_downloads, add_exports, add_pictures
from studio.live import Live, add_routes
from studio.pages import Pages
from studio.routes.captions import add_caption_routes
from studio.routes.chat import add_chat_routes
from studio.routes.data import add_data_routes
from studio.routes.doctor import add_doctor_routes
from studio.routes.hub_data import add_hub_data_routes
from studio.routes.models import add_model_routes
from studio.routes.review import add_review_routes
from studio.routes.shown import add_picture_routes
from studio.routes.stage import add_stage_routes
from studio.routes.tokens import add_token_routes
from studio.security import Gate, Hosts, inner_path
from studio.services.door import Services
from studio.services.drafts import MyDrafts, NoDraftError
from studio.sessions import Sessions
from studio.text import preferred

ASSETS = Path(__file__).parent / "assets"
UPLOT = "uplot"


@dataclass(frozen=True)
class Flags:
    workspace: Path
    host: str = "127.0.0.1"
    port: int = 7860
    root_path: str = ""
    allowed_hosts: tuple[str, ...] = ()

    @classmethod
    def read(cls, arguments: list[str]) -> "Flags":
        parser = argparse.ArgumentParser(prog="python -m studio.app", description="Serve the page of Romanza Studio.")
        parser.add_argument("--workspace", type=Path, required=True, help="the folder that holds runs and data")
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
        parser.add_argument("--port", type=int, default=7860, help="port to listen on (default: %(default)s)")
        parser.add_argument("--root-path", default="", help="path that a proxy puts before ours, such as /studio")
        parser.add_argument("--allowed-host", action="append", default=[], help="a name under which a proxy shows us")
        given = parser.parse_args(arguments)
        prefix = given.root_path.strip("/")
        return cls(given.workspace, given.host, given.port, f"/{prefix}" if prefix else "", tuple(given.allowed_host))


def assets() -> dict[str, Path]:
    """What /assets/ serves, by name. uPlot comes from its installed package, which is found without importing it."""
    found = {path.name: path for path in ASSETS.iterdir() if path.suffix in {".css", ".js", ".svg"}}
    spec = importlib.util.find_spec(UPLOT)
    folder = Path(next(iter(spec.submodule_search_locations or ()))) / "static" if spec else None
    if folder is None:
        raise ModuleNotFoundError("uplot-python is not installed")
    return found | {name: folder / name for name in ("uPlot.iife.js", "uPlot.min.css")}


def stamp(files: dict[str, Path]) -> str:
    """Changes when a served file changes, so that browsers may keep them for long."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in files.values())).hexdigest()[:12]


def create_app(services: Services, sessions: Sessions, flags: Flags) -> ASGIApp:
    """The whole application, its gate in front."""
    files = assets()
    pages = Pages(services, flags.root_path, stamp(files))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # Ready: flush, because launch.py waits for this line through a pipe.
        sys.stdout.write(f"ready http://{flags.host}:{flags.port}{flags.root_path}/\n")
        sys.stdout.flush()
        yield
        await pages.close()

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    add_routes(app, Live(services))
    add_chat_routes(app, services.chats)
    add_picture_routes(app, services.chats)
    add_stage_routes(app, services.chats)
    add_caption_routes(app, services.chats)
    add_model_routes(app, services.my_models)
    add_data_routes(app, services.my_data, services.bringing)
    add_doctor_routes(app, services.doctor)
    add_hub_data_routes(app, services.hub_data)
    add_review_routes(app, services.reviews)
    add_token_routes(app, services.tokens)
    add_downloads(app, services)
    add_pictures(app, services)
    add_exports(app, services)
    add_drafts(app, services.drafts)
    add_own_routes(app, files, flags.root_path)
    hosts = Hosts.of(flags.host, *flags.allowed_hosts)
    return Gate(by_language(app, pages), sessions, hosts, flags.root_path, f"studio_session_{flags.port}")


def by_language(app: ASGIApp, pages: Pages) -> ASGIApp:
    """What is below /en, /ro and /it goes to that page, the rest to `app`."""
    below = {f"/{language}/": language for language in LANGUAGES}

    async def choose(scope: Scope, receive: Receive, send: Send) -> None:
        language = below.get(inner_path(scope)[:4]) if scope["type"] == "http" else None
        await (pages.serve(language) if language else app)(scope, receive, send)

    return choose


def add_own_routes(app: FastAPI, files: dict[str, Path], prefix: str) -> None:
    @app.get("/")
    def choose_language(request: Request) -> Response:
        """Straight to the page in the person's language."""
        language = preferred(request.headers.get("accept-language", ""), request.cookies.get("studio_language", ""))
        return RedirectResponse(f"{prefix}/{language}/", 303)

    @app.get("/healthz")
    def health() -> Response:
        return PlainTextResponse("ok")

    @app.get("/assets/{name}")
    def asset(name: str) -> Response:
        if name not in files:
            return PlainTextResponse("Not found", 404)
        return FileResponse(files[name], headers={"cache-control": "public, max-age=31536000, immutable"})

    @app.get("/{language}")
    def page_without_slash(language: str) -> Response:
        if language not in LANGUAGES:
            return PlainTextResponse("Not found", 404)
        return RedirectResponse(f"{prefix}/{language}/", 307)


def add_drafts(app: FastAPI, drafts: MyDrafts) -> None:
    @app.post("/draft")
    async def draft(request: Request) -> Response:
        """Keeps what is being typed (assets/drafts.js). The gate in front has checked session, origin and size."""
        try:
            sent = json.loads(await request.body())
            if not isinstance(sent, dict):
                raise NoDraftError
            return JSONResponse({"kept": await asyncio.to_thread(drafts.take, sent)})
        except (ValueError, RecursionError):
            return PlainTextResponse("Not a draft", 400)
        except StudioError as error:
            return PlainTextResponse(str(error), 503)


def main(arguments: list[str]) -> int:
    flags = Flags.read(arguments)
    # The token that launch.py has made; without one, our own, shown to whoever started us.
    given = os.environ.pop("STUDIO_TOKEN", "")
    token = given or secrets.token_urlsafe(24)
    try:
        require_this_machine_only(flags.host)
        services = Services.at(flags.workspace)
    except StudioError as error:
        sys.stderr.write(f"{error}\n")
        return ExitCode.CANNOT_RUN
    if not given:
        sys.stdout.write(f"open http://{flags.host}:{flags.port}{flags.root_path}/?token={token}\n")
    app = create_app(services, Sessions(services.workspace.root / "sessions.json", token), flags)
    uvicorn.run(
        app,
        host=flags.host,
        port=flags.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    return 0


if __name__ == "__main__":
    tether.hold()
    sys.exit(main(sys.argv[1:]))
