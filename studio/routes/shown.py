"""What the scripts ask about pictures besides a chat, as JSON: samples, right answers, tests; and the pictures."""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import FastAPI, Request
from starlette.requests import ClientDisconnect
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response

from backend.captions import prompts
from backend.chats.pictures import samples
from backend.errors import StudioError
from backend.messages import LANGUAGES
from studio.routes.asking import NO_STORE, Form, asked_by_body, asked_by_query, text, turn_of, words_of
from studio.services.chats import ChatServices
from studio.services.seeing.asking import Asking
from studio.text import Words
from studio.views import chat as views

PICTURE = "/chat/picture"
# A picture is named by its content: it is never another one.
FOR_LONG = {"cache-control": "private, max-age=31536000, immutable"}


@dataclass(frozen=True)
class Seeing:
    """One function for each thing the scripts may ask; `form` is the JSON they sent."""

    asking: Asking

    def gallery(self, form: Form, words: Words) -> Any:
        """Sample pictures with questions, questions that fit any picture, and what is said where there is none."""
        shown = [
            {"file": one.file, "questions": {language: _questions(one, language) for language in LANGUAGES}}
            for one in samples.shipped()
        ]
        every = {language: list(prompts.templates(language).values()) for language in LANGUAGES}
        return {"samples": shown, "questions": every, "note": words.said("chat.no_picture")}

    def sample(self, form: Form, words: Words) -> Any:
        return {"picture": self.asking.sample(text(form, "file"))}

    def reference(self, form: Form, words: Words) -> Any:
        self.asking.refer(text(form, "chat"), turn_of(form), text(form, "reference"))
        return {}

    def test(self, form: Form, words: Words) -> Any:
        self.asking.test(text(form, "chat"), turn_of(form), keep=form.get("keep") is True)
        return {}

    def tests(self, form: Form, words: Words) -> Any:
        """The data set of all tests."""
        made = self.asking.tests_as_dataset(words.t("chat.judged.name.tests"))
        return {"id": made.id, "said": words.count("chat.judged.made.tests", made.rows, name=made.name)}


POST = ("sample", "reference", "test", "tests")


def _questions(one: samples.Sample, language: str) -> list[dict[str, str]]:
    return [asked.model_dump() for asked in one.questions.get(language, ())]


def add_picture_routes(app: FastAPI, services: ChatServices) -> None:
    """`/chat/<name>` for each of `Seeing`'s functions, `/chat/picture` and `/chat/sampled`."""
    asking = Asking(services)
    seeing = Seeing(asking)
    app.add_api_route("/chat/gallery", asked_by_query(seeing.gallery, views.place), methods=["GET"])
    for name in POST:
        app.add_api_route(f"/chat/{name}", asked_by_body(getattr(seeing, name), views.place), methods=["POST"])
    app.add_api_route(PICTURE, partial(bring, asking), methods=["POST"])
    app.add_api_route(PICTURE, partial(show, asking), methods=["GET"])
    app.add_api_route("/chat/sampled", sampled, methods=["GET"])


async def bring(asking: Asking, request: Request) -> Response:
    """The body is the file of one picture, `name` in the query what it was called: `{"picture": its stored name}`.

    The gate in front has checked session, origin and size.
    """
    try:
        data = await request.body()
        stored = await asyncio.to_thread(asking.bring, request.query_params.get("name", ""), data)
    except StudioError as error:
        refused = {"field": "pictures", "said": error.say(words_of(request).language)}
        return JSONResponse(refused, 422, headers=NO_STORE)
    except ClientDisconnect:
        return PlainTextResponse("Left", 400)
    return JSONResponse({"picture": stored}, headers=NO_STORE)


async def show(asking: Asking, request: Request) -> Response:
    """A picture by its stored name, `small=yes` for a preview of it."""
    asked = request.query_params
    find = partial(asking.picture, asked.get("name", ""), small=asked.get("small") == "yes")
    try:
        return FileResponse(await asyncio.to_thread(find), headers=FOR_LONG)
    except StudioError:
        return PlainTextResponse("Not found", 404)


async def sampled(request: Request) -> Response:
    """A sample picture."""
    try:
        return FileResponse(samples.path(request.query_params.get("file", "")), headers=FOR_LONG)
    except StudioError:
        return PlainTextResponse("Not found", 404)
