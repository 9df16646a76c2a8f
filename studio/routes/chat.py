"""What the chat's scripts ask of the server, as JSON: conversations, questions, thumbs, files; and one stream.

The gate in front has checked session, origin and size. A refusal is `{"field": where, "said": sentence}` with 422.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from backend.chats import export
from backend.chats.feedback import LESSONS, Lesson
from backend.chats.presets import shipped
from backend.errors import StudioError
from studio.routes.asking import NO_STORE, Form, asked_by_body, asked_by_query, text, turn_of, words_of
from studio.services.chats import ChatServices
from studio.services.seeing.asking import Asking
from studio.text import Words
from studio.views import chat as views

LOOK_SECONDS = 0.08
MOST_SEARCHED = 200
HEARTBEAT_SECONDS = 15.0


@dataclass(frozen=True)
class Chat:
    """One function for each thing the scripts may ask; `form` is the JSON they sent."""

    services: ChatServices

    def list(self, form: Form, words: Words) -> Any:
        sight = bool(text(form, "sight"))
        found = self.services.lines(text(form, "search")[:MOST_SEARCHED], sight=sight)
        tests = len(self.services.exam.ids(self.services.person)) if sight else 0
        judged = len(self.services.judged(sight=sight)) + tests
        return {"lines": [views.line(one, words) for one in found], "judged": judged}

    def one(self, form: Form, words: Words) -> Any:
        found = self.services.one(text(form, "chat"))
        running = self.services.running(found.id)
        names, tests = self.services.names(words.language), self.services.exam.ids(self.services.person)
        tallies = {one.id: self.services.tally(one) for one in found.turns if one.compared and one.preferred}
        person = self.services.person
        keys = {one.id for sight in (False, True) for one in self.services.rehearsed.of(person, sight=sight)}
        known = views.Known(names, self.services.colours(found), self.services.marks(found), tests, tallies, keys)
        return views.conversation(found, known, running, words)

    def ask(self, form: Form, words: Words) -> Any:
        return {"chat": self.services.ask(text(form, "chat") or None, views.asked(form)).id}

    def edit(self, form: Form, words: Words) -> Any:
        return {"chat": self.services.edit(text(form, "chat"), turn_of(form), views.asked(form)).id}

    def again(self, form: Form, words: Words) -> Any:
        return {"chat": self.services.again(text(form, "chat"), text(form, "answer")).id}

    def use(self, form: Form, words: Words) -> Any:
        return {"chat": self.services.use(text(form, "chat"), text(form, "answer")).id}

    def prefer(self, form: Form, words: Words) -> Any:
        """Which of the answers that were compared blindly is the better one."""
        self.services.prefer(text(form, "chat"), turn_of(form), text(form, "preferred"))
        return {}

    def anew(self, form: Form, words: Words) -> Any:
        self.services.count_anew(text(form, "chat"), turn_of(form))
        return {}

    def stop(self, form: Form, words: Words) -> Any:
        self.services.stop(text(form, "chat"))
        return {}

    def rename(self, form: Form, words: Words) -> Any:
        return {"title": self.services.rename(text(form, "chat"), text(form, "title")).title}

    def delete(self, form: Form, words: Words) -> Any:
        self.services.delete(text(form, "chat"))
        return {}

    def mark(self, form: Form, words: Words) -> Any:
        up = form.get("up")
        self.services.thumb(text(form, "chat"), text(form, "answer"), up if isinstance(up, bool) else None)
        return {}

    def correct(self, form: Form, words: Words) -> Any:
        self.services.correct(text(form, "chat"), text(form, "answer"), text(form, "corrected"))
        return {}

    def check(self, form: Form, words: Words) -> Any:
        """What is wrong with each setting, by field; and what is worth knowing about them."""
        faults = {}
        for name in (name for name in views.FIELDS if name in form):
            try:
                views.choices({name: form[name]})
            except StudioError as error:
                faults[name] = error.say(words.language)
        notes = [] if faults else [words.said(key) for key in views.sampling(form).notes()]
        return {"faults": faults, "notes": {"temperature": " ".join(notes)} if notes else {}}

    def ideas(self, form: Form, words: Words) -> Any:
        """Questions to begin with, by preset."""
        return [
            {"id": one.id, "language": one.language, "title": one.title[words.language], "questions": one.questions}
            for one in shipped()
        ]

    def learned(self, form: Form, words: Words) -> Any:
        """The language that a run was trained on, "" when it is not known; whether a model `sees` pictures."""
        model = text(form, "model")
        return {"language": self.services.learned(model), "sees": self.services.sees(model)}

    def judged(self, form: Form, words: Words) -> Any:
        found = self.services.judged(sight=bool(text(form, "sight")))
        lines = [views.judged(one, words) for one in reversed(found)]
        kept = {"tests": len(self.services.exam.ids(self.services.person))}
        return {"lines": lines, **kept, **{name: len(made(found)) for name, made in LESSONS.items()}}

    def forget(self, form: Form, words: Words) -> Any:
        self.services.forget(text(form, "answer"))
        return {}

    def drop(self, form: Form, words: Words) -> Any:
        self.services.drop(text(form, "answer"))
        return {}

    def dataset(self, form: Form, words: Words) -> Any:
        lesson: Lesson = next((one for one in LESSONS if one == text(form, "lesson")), "examples")
        made = self.services.as_dataset(lesson, words.t(f"chat.judged.name.{lesson}"))
        return {"id": made.id, "said": words.count(f"chat.judged.made.{lesson}", made.rows, name=made.name)}

    def loaded(self, form: Form, words: Words) -> Any:
        """Which models are in memory; while there is none, for which run they left it."""
        found = self.services.loaded()
        names = self.services.names(words.language)
        bases = dict.fromkeys(names.get(one["base"], one["base"]) for one in found.get("models", []))
        if not bases:
            left = self.services.left_for()
            return {"said": words.t("chat.made_room", run=left) if left else ""}
        return {"said": words.t("chat.loaded", models=", ".join(bases), size=words.size(found["memory_bytes"]))}

    def unload(self, form: Form, words: Words) -> Any:
        return {"said": words.t("chat.unloaded", size=words.size(self.services.unload()))}


MAKERS = {"md": export.markdown, "json": export.whole, "jsonl": export.jsonl}
TYPES = {"md": "text/markdown", "json": "application/json", "jsonl": "application/jsonl"}
GET = ("list", "one", "ideas", "learned", "judged", "loaded")
POST = (
    "ask", "edit", "again", "use", "stop", "rename", "delete", "mark", "correct", "check", "forget", "drop",
    "dataset", "unload", "prefer", "anew",
)  # fmt: skip


def add_chat_routes(app: FastAPI, services: ChatServices) -> None:
    """`/chat/<name>` for each of `Chat`'s functions, `/chat/stream` and `/chat/file`; `language` is in the query."""
    chat = Chat(services)
    for name in GET:
        app.add_api_route(f"/chat/{name}", asked_by_query(getattr(chat, name), views.place), methods=["GET"])
    for name in POST:
        app.add_api_route(f"/chat/{name}", asked_by_body(getattr(chat, name), views.place), methods=["POST"])
    app.add_api_route("/chat/stream", partial(stream, services), methods=["GET"])
    app.add_api_route("/chat/file", partial(file, services), methods=["GET"])


async def file(services: ChatServices, request: Request) -> Response:
    """One conversation, or all that was judged, to keep; with its pictures as a ZIP."""
    kind, chat = request.query_params.get("kind", ""), request.query_params.get("chat", "")
    if lesson := next((one for one in LESSONS if one == kind), None):
        return _handed(await asyncio.to_thread(Asking(services).lesson, lesson), kind, "jsonl")
    if kind == "tests":
        return _handed(await asyncio.to_thread(Asking(services).tests), kind, "jsonl")
    if kind not in MAKERS:
        return PlainTextResponse("Not found", 404)
    try:
        found = await asyncio.to_thread(services.one, chat)
        made = MAKERS[kind](found, await asyncio.to_thread(services.marks, found))
        told = await asyncio.to_thread(Asking(services).with_pictures, made, f"conversation.{kind}", found.pictures)
    except StudioError:
        return PlainTextResponse("Not found", 404)
    return _handed(told, f"conversation-{found.id[:8]}", kind)


def _handed(made: str | bytes, name: str, kind: str) -> Response:
    """Text of this kind, or a ZIP with it."""
    if isinstance(made, str):
        return download(made.encode(), f"{name}.{kind}", f"{TYPES[kind]}; charset=utf-8")
    return download(made, f"{name}.zip", "application/zip")


def download(made: bytes, name: str, kind: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"', **NO_STORE}
    return Response(made, media_type=kind, headers=headers)


async def stream(services: ChatServices, request: Request) -> Response:
    """The answers of one conversation while they are written; `done` is the end of it."""
    chat = request.query_params.get("chat", "")
    try:
        await asyncio.to_thread(services.running, chat)
    except StudioError:
        return PlainTextResponse("Not found", 404)
    told = told_on(services, chat, words_of(request))
    return StreamingResponse(told, media_type="text/event-stream", headers=NO_STORE)


async def told_on(services: ChatServices, chat: str, words: Words) -> AsyncIterator[bytes]:
    """What is new in the answers, as often as anybody can see it; each text is sent once."""
    sent: dict[str, int] = {}
    turn = (await asyncio.to_thread(services.one, chat)).turns[-1]
    version, quiet = -1, 0.0
    yield b"retry: 1000\n\n"
    while (running := services.desk.running(chat)) is not None:
        if running.version == version:
            quiet += LOOK_SECONDS
            if quiet > HEARTBEAT_SECONDS:
                yield b": still here\n\n"
                quiet = 0.0
        else:
            version, quiet = running.version, 0.0
            told = [news(one, running, sent, words) for one in list(running.answers.values())]
            yield event("answers", [one | views.while_written(one["id"], running, turn, words) for one in told])
        await asyncio.sleep(LOOK_SECONDS)
    yield event("done", {})


def news(one: Any, running: Any, sent: dict[str, int], words: Words) -> dict[str, Any]:
    begin = sent.get(one.id, 0)
    sent[one.id] = len(one.text)
    return views.answer(one, running, words) | {"from": begin, "more": one.text[begin:]}


def event(name: str, said: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps(said, ensure_ascii=False)}\n\n".encode()
