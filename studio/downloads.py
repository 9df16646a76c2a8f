"""What the page fetches of one run beside the stream: its settings and files, its adapter as a zip."""

from dataclasses import asdict
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from backend.errors import StudioError
from backend.messages import LANGUAGES
from backend.models.packing import file_name
from backend.verdict.reasons import Advice
from studio.services.door import Services
from studio.text import Words
from studio.views import details as views
from studio.views.verdict import spoken, verdict

FRESH = {"cache-control": "no-store"}


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


def described(services: Services, run: str, words: Words) -> dict[str, Any]:
    mine = services.my_runs
    request, chosen = mine.request(run), mine.settings(run)
    titles: dict[str, str] = {str(key): text for key, text in chosen.recipe.title.items()} if chosen else {}
    return {
        "run": run,
        "made": mine.made(run),
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


def attachment(name: str) -> str:
    """A Content-Disposition that every browser reads: ASCII for the old ones, the whole name for the others."""
    plain = "".join(letter if letter.isascii() and (letter.isalnum() or letter in ".-_") else "_" for letter in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}"
