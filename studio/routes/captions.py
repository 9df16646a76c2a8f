"""What the scripts ask about captions for many pictures, as JSON: jobs, captions, corrections; pictures and files."""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import FileResponse, PlainTextResponse, Response

from backend.captions.submit import Wanted
from backend.errors import ChatError, ModelError, StudioError
from backend.inference.shelf import RUN
from studio.routes.asking import NO_STORE, Form, asked_by_body, asked_by_query, text, words_of
from studio.security import attachment
from studio.services.chats import ChatServices
from studio.services.seeing.captioning import Captioning, Work
from studio.text import Words
from studio.views.seeing import captions as views

ROWS = 24
MEDIA = {"csv": "text/csv", "jsonl": "application/jsonl", "zip": "application/zip"}
# The pictures of a job never change.
FOR_LONG = {"cache-control": "private, max-age=86400"}


@dataclass(frozen=True)
class Captions:
    """One function for each thing the scripts may ask; `form` is what they sent."""

    mine: Captioning

    def works(self, form: Form, words: Words) -> Any:
        return {"lines": [_line(work, words) for work in self.mine.works()]}

    def offered(self, form: Form, words: Words) -> Any:
        """Models that see, adapters of such models, and what they may be asked about each picture."""
        chats = self.mine.chats
        models = [self._asked(one.id, one.title(words.language)) for one in chats.models(sight=True)]
        adapters = [self._asked(f"{RUN}{job.id}", job.name) for job in chats.adapters(sight=True)]
        return {"models": models, "adapters": adapters, "questions": views.questions()}

    def _asked(self, model: str, name: str) -> dict[str, Any]:
        return {"id": model, "name": name, "describes": self.mine.describes(model)}

    def one(self, form: Form, words: Words) -> Any:
        """Some captions from the one with the number `first`, from 0."""
        typed = text(form, "first")
        first = int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 9 else 0
        work, entries = self.mine.one(text(form, "id")), self.mine.entries(text(form, "id"))
        asked = {"prompt": work.asked.prompt, "beside": work.asked.with_base}
        return {"line": _line(work, words), **asked, **views.page(entries, first, ROWS, words)}

    def start(self, form: Form, words: Words) -> Any:
        with_base = form.get("with_base") is True
        wanted = Wanted(model=text(form, "model"), prompt=text(form, "prompt"), with_base=with_base)
        return {"job": self.mine.start(text(form, "upload"), wanted).id}

    def correct(self, form: Form, words: Words) -> Any:
        entry = self.mine.correct(text(form, "id"), text(form, "name"), text(form, "caption"))
        return {"caption": entry.caption, "corrected": entry.corrected}

    def stop(self, form: Form, words: Words) -> Any:
        self.mine.stop(text(form, "id"))
        return self.works(form, words)

    def resume(self, form: Form, words: Words) -> Any:
        self.mine.resume(text(form, "id"))
        return self.works(form, words)

    def forget(self, form: Form, words: Words) -> Any:
        self.mine.forget(text(form, "id"))
        return self.works(form, words)

    def data(self, form: Form, words: Words) -> Any:
        made = self.mine.as_data(text(form, "id"))
        return {"data": made.id, "said": words.count("captions.made", made.rows, name=made.name)}


GET = ("works", "offered", "one")
POST = ("start", "correct", "stop", "resume", "forget", "data")


def _line(work: Work, words: Words) -> dict[str, Any]:
    return views.line(work.job, work.asked, work.status, words)


def place(error: StudioError) -> str:
    """The field at which a refusal is shown."""
    if error.key in ("captions.no_prompt", "chat.long"):
        return "prompt"
    return "model" if isinstance(error, ModelError | ChatError) else ""


def add_caption_routes(app: FastAPI, services: ChatServices) -> None:
    """`/captions/<name>` for each of `Captions`' functions, `/captions/picture` and `/captions/file`."""
    mine = Captioning(services)
    captions = Captions(mine)
    for name in GET:
        app.add_api_route(f"/captions/{name}", asked_by_query(getattr(captions, name), place), methods=["GET"])
    for name in POST:
        app.add_api_route(f"/captions/{name}", asked_by_body(getattr(captions, name), place), methods=["POST"])
    app.add_api_route("/captions/picture", partial(show, mine), methods=["GET"])
    app.add_api_route("/captions/file", partial(fetch, mine), methods=["GET"])


async def show(mine: Captioning, request: Request) -> Response:
    """The small picture `name` of the job `id`."""
    asked = request.query_params
    try:
        found = await asyncio.to_thread(mine.picture, asked.get("id", ""), asked.get("name", ""))
    except StudioError:
        return PlainTextResponse("Not found", 404)
    return FileResponse(found, headers=FOR_LONG)


async def fetch(mine: Captioning, request: Request) -> Response:
    """The captions of the job `id` as a file of the `form` csv, jsonl or txt (a zip of texts)."""
    asked = request.query_params
    try:
        name, content = await asyncio.to_thread(mine.written, asked.get("id", ""), asked.get("form", ""))
    except StudioError as error:
        return PlainTextResponse(error.say(words_of(request).language), 404)
    media = MEDIA[name.rpartition(".")[2]]
    return Response(content, media_type=media, headers={**NO_STORE, "content-disposition": attachment(name)})
