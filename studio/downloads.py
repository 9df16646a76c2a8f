"""What the page fetches of one run beside the stream: its settings and files, pictures, its adapter as a zip."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse

from backend.errors import StudioError
from backend.inference.shelf import RUN
from backend.messages import LANGUAGES
from backend.models.packing import file_name
from backend.verdict.reasons import Advice
from studio.security import attachment
from studio.services.door import Services
from studio.text import Words
from studio.views import details as views
from studio.views.sharing import exports as exported
from studio.views.verdict import spoken, verdict

FRESH = {"cache-control": "no-store"}
Language = Literal["en", "ro", "it"]


def add_downloads(app: FastAPI, services: Services) -> None:
    """The gate in front has checked the session; a run that is not this person's is not found."""

    @app.get("/details")
    def details(run: str, language: str) -> Response:
        if language not in LANGUAGES:
            return PlainTextResponse("Not found", 404)
        try:
            return JSONResponse(described(services, run, Words(language)), headers=FRESH)
        except StudioError as error:
            return PlainTextResponse(error.say(language), 404)

    @app.get("/adapter")
    def adapter(run: str, language: str) -> Response:
        if language not in LANGUAGES:
            return PlainTextResponse("Not found", 404)
        try:
            job, pieces = services.run(run), services.my_runs.packed(run, language)
        except StudioError as error:
            return PlainTextResponse(error.say(language), 404)
        headers = {**FRESH, "content-disposition": attachment(f"{file_name(job)}.zip")}
        return StreamingResponse(pieces, media_type="application/zip", headers=headers)


def add_pictures(app: FastAPI, services: Services) -> None:
    """What the test questions of a run are about."""

    @app.get("/probe")
    def probe(run: str, name: str) -> Response:
        try:
            found = services.my_runs.picture(run, name)
        except StudioError:
            return PlainTextResponse("Not found", 404)
        return FileResponse(found, headers={"cache-control": "private, max-age=3600"})


def add_exports(app: FastAPI, services: Services) -> None:
    """The forms in which a run can be had and what was made of it, its card, and the files of an export."""

    @app.get("/exports")
    def exports(run: str, language: Language) -> Response:
        return JSONResponse(offered(services, run, Words(language)), headers=FRESH)

    @app.get("/exports/card")
    def card(run: str, language: Language, merged: bool = False) -> Response:
        return PlainTextResponse(services.exports.card(run, merged=merged), headers=FRESH)

    @app.get("/exports/files")
    def files(run: str, language: Language) -> Response:
        made = services.exports.made_of(run)[0]
        folder = services.exports.folder_of(run)
        if made.told["form"] == "capsule":
            name = Path(made.told["file"]).name
            return FileResponse(folder / name, headers={**FRESH, "content-disposition": attachment(name)})
        headers = {**FRESH, "content-disposition": attachment(f"{file_name(made.job)}.zip")}
        return StreamingResponse(services.exports.packed(run), media_type="application/zip", headers=headers)

    @app.exception_handler(StudioError)
    def refused(request: Request, error: Exception) -> Response:
        asked = request.query_params.get("language", "")
        said = error.say(asked if asked in LANGUAGES else "en") if isinstance(error, StudioError) else ""
        return PlainTextResponse(said, 404)


def offered(services: Services, run: str, words: Words) -> dict[str, Any]:
    """What the section of a run's exports shows; of an export itself only what it made."""
    mine, job = services.exports, services.run(run)
    made = [
        {"id": one.job.id, "name": one.job.name, "there": one.there, **exported.made(one.told, words)}
        for one in mine.made_of(run)
    ]
    shown: dict[str, Any] = {"run": run, "made": made, "forms": [], "wrong": ""}
    if job.kind == "export":
        return shown
    try:
        forms = mine.forms(run)
        shown["use"], shown["stored"] = exported.used(mine.snippets(run)), mine.stored(run)
    except StudioError as error:
        return {**shown, "wrong": error.say(words.language)}
    shown["forms"] = [exported.form(one.name, one.takes, one.disk_bytes, one.wrong, words) for one in forms]
    token, free = mine.token(), words.size(mine.free_bytes())
    return {**shown, "token": words.t(f"exports.token.{token or 'none'}"), "kept": bool(token), "free": free}


def described(services: Services, run: str, words: Words) -> dict[str, Any]:
    mine = services.my_runs
    request, chosen = mine.request(run), mine.settings(run)
    titles: dict[str, str] = {str(key): text for key, text in chosen.recipe.title.items()} if chosen else {}
    return {
        "run": run,
        "made": mine.made(run),
        "sees": bool(mine.made(run)) and services.chats.sees(f"{RUN}{run}"),
        "beside": views.beside(request, mine.result(run), words),
        "from": [
            *views.made_from(request, words),
            *views.stages(request, headlines(services, run, words), words),
            *views.made_of(mine.result(run), words),
        ],
        "recipe": titles.get(words.language) or titles.get("en", ""),
        "changed": words.count("runs.changed", len(chosen.changed)) if chosen and chosen.changed else "",
        "settings": views.settings(chosen.recipe, chosen.meant and chosen.meant.recipe, words) if chosen else [],
        "files": views.files(mine.files(run), words),
        "verdict": judged(services, run, words),
        "needs": exported.needs(services.exports.needs(run), services.exports.other_versions(run), words),
    }


def headlines(services: Services, run: str, words: Words) -> list[str]:
    """What is said of each stage of a chain that is done."""
    return [spoken(card.headline, words) if card else "" for card in services.verdicts.stages(run)]


def judged(services: Services, run: str, words: Words) -> dict[str, Any] | None:
    """The verdict, when the run has ended and was trained here."""
    found = services.verdicts.of(run)

    def opened(advice: Advice) -> dict[str, Any] | None:
        """With the names that the fields of the form have."""
        train = services.verdicts.opened(run, advice)
        if train is None:
            return None
        return {**asdict(train), "fields": {name.replace(".", "__"): to for name, to in train.fields.items()}}

    return verdict(found, opened, words) if found else None
