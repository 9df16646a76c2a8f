"""What the scripts of the Data tab ask, as JSON: data sets, their rows and pictures, files on their way to be one."""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import FastAPI, Request
from pydantic import ValidationError
from starlette.requests import ClientDisconnect
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response

from backend import names
from backend.data.intake.uploads import Incoming
from backend.data.mapping.mapping import Mapping
from backend.data.opening.opened import Choices
from backend.errors import DataError, StudioError
from studio.routes.asking import NO_STORE, Form, asked_by_body, asked_by_query, text, words_of
from studio.security import attachment
from studio.services.data.bringing import Bringing, corrected
from studio.services.data.sets import MyData
from studio.text import Words
from studio.views.data import preview as looks
from studio.views.data import rows, sets

PIECE = 1 << 20
ROWS = 20
MOST_ROWS = 10**9


@dataclass(frozen=True)
class Data:
    """One function for each thing the scripts may ask; `form` is what they sent."""

    mine: MyData
    bringing: Bringing

    # Those that are here

    def sets(self, form: Form, words: Words) -> Any:
        return {"lines": [line(self.mine, one, words) for one in self.mine.sets()]}

    def one(self, form: Form, words: Words) -> Any:
        found = self.mine.one(text(form, "id"))
        listed = sets.line(found.dataset, found.language, found.versions, found.runs, words)
        told = sets.details(found.dataset, listed, self.mine.versions(found.dataset.id), words)
        return told | {"findings": sets.findings(self.mine.findings(found.dataset.id), words)}

    def rows(self, form: Form, words: Words) -> Any:
        """Some rows from the one with the number `first`, from 0."""
        typed = text(form, "first")
        first = min(int(typed), MOST_ROWS) if typed.isascii() and typed.isdecimal() and len(typed) < 12 else 0
        found = self.mine.rows(text(form, "id"), first, ROWS)
        return {"first": first, "rows": [rows.shown(row, words) for row in found]}

    def compared(self, form: Form, words: Words) -> Any:
        found = self.mine.compared(text(form, "id"))
        return {"said": sets.comparison(found, words) if found else words.t("data.compared.none")}

    def weigh(self, form: Form, words: Words) -> Any:
        lost = self.mine.lost(text(form, "id"), only=bool(text(form, "only")))
        return sets.removal(lost.dataset.name, lost.runs, lost.versions, lost.verdicts, words)

    def delete(self, form: Form, words: Words) -> Any:
        lost = self.mine.delete(text(form, "id"), only=bool(text(form, "only")))
        return {"said": words.t("data.removed", name=lost.dataset.name)}

    def rename(self, form: Form, words: Words) -> Any:
        return {"name": self.mine.rename(text(form, "id"), text(form, "name")).name}

    # Those on their way

    def begin(self, form: Form, words: Words) -> Any:
        return {"upload": self.bringing.begin()}

    def discard(self, form: Form, words: Words) -> Any:
        self.bringing.discard(text(form, "upload"))
        return {}

    def look(self, form: Form, words: Words) -> Any:
        """The first rows as they are understood, after one more choice where there is one: `change` of the mapping."""
        mapping = mapping_of(form)
        change = form.get("change")
        if mapping is not None and isinstance(change, dict):
            columns = tuple(one for one in form.get("columns") or () if isinstance(one, str))
            said = {name: text(change, name) for name in ("shape", "column", "role")}
            mapping = corrected(mapping, columns, **said)
        found = self.bringing.look(text(form, "upload"), choices_of(form), mapping)
        kept = mapping is not None and found.mapping == mapping
        files = [name for name, _ in self.bringing.files(text(form, "upload"))]
        proposed = names.from_file(files[0].rpartition("/")[2].rpartition(".")[0] or files[0])
        return looks.shown(found, words) | {"chosen": kept, "files": files[:20], "count": len(files), "name": proposed}

    def start(self, form: Form, words: Words) -> Any:
        chosen = mapping_of(form) if form.get("chosen") is True else None
        skip = form.get("skip") is True
        upload, name = text(form, "upload"), text(form, "name")
        job = self.bringing.start(upload, name, choices_of(form), chosen, skip_bad=skip)
        return {"job": job.id, **self.coming(form, words)}

    def coming(self, form: Form, words: Words) -> Any:
        return {"lines": importing(self.bringing, words)}

    def done(self, form: Form, words: Words) -> Any:
        return {"id": self.bringing.done(text(form, "job"))}

    def stop(self, form: Form, words: Words) -> Any:
        self.bringing.stop(text(form, "job"))
        return self.coming(form, words)

    def forget(self, form: Form, words: Words) -> Any:
        self.bringing.forget(text(form, "job"))
        return self.coming(form, words)


GET = ("sets", "one", "rows", "compared", "weigh", "coming")
POST = ("delete", "rename", "begin", "discard", "look", "start", "done", "stop", "forget")


def line(mine: MyData, one: Any, words: Words) -> dict[str, Any]:
    return sets.line(one.dataset, one.language, one.versions, one.runs, words)


def importing(bringing: Bringing, words: Words) -> list[dict[str, Any]]:
    """The imports that are not done, newest first."""
    return [sets.importing(one.job, one.upload, one.status, words) for one in bringing.importing()]


def choices_of(form: Form) -> Choices:
    """DataError for what is no choice."""
    given = form.get("choices")
    known = {name: value for name, value in (given.items() if isinstance(given, dict) else ()) if value != ""}
    if "header" in known:
        known["header"] = known["header"] == "yes"
    try:
        return Choices(**known)
    except (ValidationError, TypeError) as error:
        raise DataError("data.no_choice") from error


def mapping_of(form: Form) -> Mapping | None:
    """DataError for what is no mapping."""
    given = form.get("mapping")
    if not isinstance(given, dict):
        return None
    try:
        return Mapping(**given)
    except (ValidationError, TypeError) as error:
        raise DataError("data.no_choice") from error


def add_data_routes(app: FastAPI, mine: MyData, bringing: Bringing) -> None:
    """`/data/<name>` for each of `Data`'s functions, `/data/upload`, `/data/file` and `/data/picture`."""
    data = Data(mine, bringing)
    for name in GET:
        app.add_api_route(f"/data/{name}", asked_by_query(getattr(data, name), sets.place), methods=["GET"])
    for name in POST:
        app.add_api_route(f"/data/{name}", asked_by_body(getattr(data, name), sets.place), methods=["POST"])
    app.add_api_route("/data/upload", partial(upload, bringing), methods=["POST"])
    app.add_api_route("/data/file", partial(file, mine), methods=["GET"])
    app.add_api_route("/data/picture", partial(picture, mine), methods=["GET"])


async def upload(bringing: Bringing, request: Request) -> Response:
    """The body is one file, written as it comes; the gate in front has checked its size."""
    asked, length = request.query_params, request.headers.get("content-length", "")
    size = int(length) if length.isdecimal() else 0
    try:
        incoming = await asyncio.to_thread(bringing.receive, asked.get("upload", ""), asked.get("name", ""), size)
        try:
            await _written(incoming, request)
            await asyncio.to_thread(incoming.done)
        finally:
            await asyncio.to_thread(incoming.close)
    except StudioError as error:
        said = error.say(words_of(request).language)
        return JSONResponse({"field": "", "said": said}, 422, headers=NO_STORE)
    except ClientDisconnect:
        return PlainTextResponse("Left", 400)
    return JSONResponse({"ok": True}, headers=NO_STORE)


async def _written(incoming: Incoming, request: Request) -> None:
    """A megabyte at a time: small pieces are gathered, so that the disk is not asked for each."""
    waiting = bytearray()
    async for piece in request.stream():
        waiting += piece
        if len(waiting) >= PIECE:
            await asyncio.to_thread(incoming.write, bytes(waiting))
            waiting.clear()
    await asyncio.to_thread(incoming.write, bytes(waiting))


async def file(mine: MyData, request: Request) -> Response:
    """The rows of one version as JSONL."""
    try:
        found = await asyncio.to_thread(mine.find, request.query_params.get("id", ""))
    except StudioError:
        return PlainTextResponse("Not found", 404)
    if not found.path.is_file():
        return PlainTextResponse("Not found", 404)
    name = found.title(words_of(request).language) + (f" {found.version}" if found.version > 1 else "")
    headers = {**NO_STORE, "content-disposition": attachment(f"{name}.jsonl")}
    return FileResponse(found.path, media_type="application/jsonl", headers=headers)


async def picture(mine: MyData, request: Request) -> Response:
    asked = request.query_params
    try:
        find = partial(mine.picture, asked.get("id", ""), asked.get("name", ""), small=asked.get("small") == "yes")
        found = await asyncio.to_thread(find)
    except StudioError:
        return PlainTextResponse("Not found", 404)
    return FileResponse(found, headers={"cache-control": "private, max-age=3600"})
