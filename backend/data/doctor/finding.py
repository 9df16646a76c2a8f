"""One thing that is the matter, in the form in which the page, the commands and JSON show it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from backend.data.opening.opened import Notice
from backend.errors import StudioError
from backend.messages import LANGUAGES, Phrase

EXAMPLES = 5
BEFORE, AFTER = 40, 60
Severity = Literal["error", "warning", "notice"]


class Example(BaseModel):
    """`place`: the row's number, or its line in a file. `text`: a short part of it, on one line; what is meant stands
    in it from `start` to `end` ("" and 0 where the whole row is meant). `like`: the row that it repeats.
    """

    model_config = ConfigDict(frozen=True)
    place: str
    text: str = ""
    start: int = 0
    end: int = 0
    like: str = ""


class Finding(BaseModel):
    """`code`: the key of its sentence; `rows`: how many it affects; `places` of the first; `message` by language.

    `fix`: what mends it (a name of `backend.data.doctor.fixing`), "" for nothing that could do it. `safe`: one may go
    on with the rows as they are.
    """

    model_config = ConfigDict(frozen=True)
    code: str
    severity: Severity
    rows: int
    places: tuple[str, ...] = ()
    message: dict[str, str]
    examples: tuple[Example, ...] = ()
    fix: str = ""
    safe: bool = False


def of_error(error: StudioError, places: tuple[str, ...] = (), rows: int = 1) -> Finding:
    said = {language: error.say(language) for language in LANGUAGES}
    shown = tuple(Example(place=place) for place in places)
    return Finding(code=error.key, severity="error", rows=rows, places=places, message=said, examples=shown)


def of_notice(notice: Notice) -> Finding:
    said = {language: notice.say(language) for language in LANGUAGES}
    return Finding(code=notice.key, severity="notice", rows=0, message=said, safe=True)


def said(key: str, **values: object) -> dict[str, str]:
    """The sentence for this key in every language."""
    phrase = Phrase(key, **values)
    return {language: phrase.say(language) for language in LANGUAGES}


def example(place: str, text: str, start: int = 0, end: int = 0, like: str = "") -> Example:
    """The part of a text around what stands from `start` to `end`."""
    end = min(end, start + AFTER)
    left, right = max(0, start - BEFORE), min(len(text), max(start, end) + AFTER)
    before, after = "…" if left else "", "…" if right < len(text) else ""
    part = f"{before}{text[left:right]}{after}".translate(ONE_LINE)
    moved = len(before) - left
    return Example(place=place, text=part, start=start + moved if end else 0, end=end + moved if end else 0, like=like)


# Signs that would break the line, or hide or turn around what follows; each becomes one space, so that places stay.
ONE_LINE = dict.fromkeys((*range(32), *range(127, 160), 8232, 8233, *range(8234, 8239)), " ")
