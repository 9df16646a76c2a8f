"""What a column can be for, shape by shape, and by which names it is known in English, Romanian and Italian."""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import yaml

from backend.data.shapes import Shape
from backend.messages import sentence


class Role(NamedTuple):
    """`one_of`: a row needs one of the roles that share this name; "" for one that may be missing."""

    name: str
    one_of: str = ""

    def title(self, language: str) -> str:
        return sentence(f"mapping.role.{self.name}", language)


def _needed(*names: str) -> tuple[Role, ...]:
    return tuple(Role(name, name) for name in names)


def _free(*names: str) -> tuple[Role, ...]:
    return tuple(Role(name) for name in names)


ROLES: dict[Shape, tuple[Role, ...]] = {
    "chat": (
        Role("messages", "question"),
        Role("question", "question"),
        Role("answer", "question"),
        *_free("context", "system", "history", "tools", "verdict"),
    ),
    "text": _needed("text"),
    "preference": (
        Role("chosen", "chosen"),
        Role("rejected", "rejected"),
        *_free("messages", "question", "context", "system", "history"),
    ),
    "label": (*_needed("text", "label"), *_free("title")),
    "score": _needed("first", "second", "score"),
    "exam": (*_needed("question", "answers"), *_free("options", "context")),
    "caption": _needed("image", "caption"),
    "visual": (
        Role("image"),
        Role("messages", "question"),
        Role("question", "question"),
        Role("answer", "question"),
        *_free("context", "system"),
    ),
}
SHAPES: tuple[Shape, ...] = tuple(ROLES)
MANY = frozenset({"options"})
"""Roles that several columns may share, in the order of the table."""

OPTION = re.compile(
    r"(?:option|choice|op|answer|varianta|optiunea|optiune|raspuns|opzione|alternativa|risposta|scelta)?_?"
    r"(?:([a-h])|([1-9]))"
)


def fold(name: str) -> str:
    """A name without what people write differently: case, accents, spaces and signs."""
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign))
    return re.sub(r"[\W_]+", "_", plain.casefold()).strip("_")


@cache
def names(role: str) -> tuple[str, ...]:
    """Those that the columns of a role go by, in English, Romanian and Italian; the likelier first."""
    return _known()[role]


@cache
def _known() -> dict[str, tuple[str, ...]]:
    known: dict[str, str] = yaml.safe_load((Path(__file__).parent / "names.yaml").read_text(encoding="utf-8"))
    return {role: tuple(words.split()) for role, words in known.items()}


def fitting(role: str, columns: Sequence[str]) -> list[str]:
    """The columns that this role's names fit, the likelier name first."""
    folded = [(fold(column), column) for column in columns]
    return [column for name in names(role) for known, column in folded if known == name]


def option_columns(columns: Sequence[str]) -> list[str]:
    """The columns that hold one option each, in their order: A to E, option_1 to option_5; [] for fewer than two."""
    found: dict[str, list[tuple[int, str]]] = {}
    for column in columns:
        if fits := OPTION.fullmatch(fold(column)):
            letter, digit = fits.groups()
            place = ord(letter) - ord("a") + 1 if letter else int(digit)
            found.setdefault(fold(column)[: fits.start(1) if letter else fits.start(2)], []).append((place, column))
    best = sorted(sorted(found.values(), key=len)[-1]) if found else []
    places = [place for place, _ in best]
    return [column for _, column in best] if len(best) > 1 and places == list(range(1, len(best) + 1)) else []
