"""One way to answer the page's scripts: a function of what they sent and of the page's language becomes a route.

The gate in front has checked session, origin and size. A refusal is `{"field": where, "said": sentence}` with 422.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from fastapi import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from backend.errors import StudioError
from backend.messages import LANGUAGES
from studio.text import Words
from studio.views.chat import text as plain_text

NO_STORE = {"cache-control": "no-store", "x-accel-buffering": "no"}
Form = dict[str, Any]
Do = Callable[[Form, Words], Any]
Place = Callable[[StudioError], str]
"""The field of the page at which a refusal is shown; "" for none in particular."""


def text(form: Form, name: str) -> str:
    return plain_text(form.get(name))


def asked_by_query(do: Do, place: Place) -> Callable[..., Any]:
    async def handle(request: Request) -> Response:
        form = dict(request.query_params)
        return await asyncio.to_thread(answered, do, place, form, words_of(request))

    return handle


def asked_by_body(do: Do, place: Place) -> Callable[..., Any]:
    async def handle(request: Request) -> Response:
        try:
            form = json.loads(await request.body())
        except (ValueError, RecursionError):
            return PlainTextResponse("Not JSON", 400)
        if not isinstance(form, dict):
            return PlainTextResponse("Not an object", 400)
        return await asyncio.to_thread(answered, do, place, form, words_of(request))

    return handle


def turn_of(form: Form) -> int:
    """The number of a turn, from 0; -1 for what is none."""
    turn = form.get("turn")
    return turn if isinstance(turn, int) else -1


def answered(do: Do, place: Place, form: Form, words: Words) -> Response:
    try:
        return JSONResponse(do(form, words), headers=NO_STORE)
    except StudioError as error:
        return JSONResponse({"field": place(error), "said": error.say(words.language)}, 422, headers=NO_STORE)


def words_of(request: Request) -> Words:
    language = request.query_params.get("language", "")
    return Words(language if language in LANGUAGES else "en")
