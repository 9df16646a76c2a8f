"""Pictures that people ask about: brought one at a time, and shown again."""

import asyncio
from functools import partial

from fastapi import FastAPI, Request
from starlette.requests import ClientDisconnect
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response

from backend.errors import StudioError
from studio.routes.asking import NO_STORE, words_of
from studio.services.chats import ChatServices

PATH = "/chat/picture"
# A picture is named by its content: it is never another one.
FOR_LONG = {"cache-control": "private, max-age=31536000, immutable"}


def add_picture_routes(app: FastAPI, services: ChatServices) -> None:
    app.add_api_route(PATH, partial(bring, services), methods=["POST"])
    app.add_api_route(PATH, partial(show, services), methods=["GET"])


async def bring(services: ChatServices, request: Request) -> Response:
    """The body is the file of one picture, `name` in the query what it was called: `{"picture": its stored name}`.

    The gate in front has checked session, origin and size.
    """
    try:
        data = await request.body()
        stored = await asyncio.to_thread(services.bring_picture, request.query_params.get("name", ""), data)
    except StudioError as error:
        refused = {"field": "pictures", "said": error.say(words_of(request).language)}
        return JSONResponse(refused, 422, headers=NO_STORE)
    except ClientDisconnect:
        return PlainTextResponse("Left", 400)
    return JSONResponse({"picture": stored}, headers=NO_STORE)


async def show(services: ChatServices, request: Request) -> Response:
    """A picture by its stored name, `small=yes` for a preview of it."""
    asked = request.query_params
    find = partial(services.picture, asked.get("name", ""), small=asked.get("small") == "yes")
    try:
        return FileResponse(await asyncio.to_thread(find), headers=FOR_LONG)
    except StudioError:
        return PlainTextResponse("Not found", 404)
