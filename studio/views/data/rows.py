"""One stored row as the page draws it: what is said by whom, labels, options, pictures; texts only, long ones cut."""

from collections.abc import Callable
from typing import Any

from backend.data import rows
from backend.data.shapes import Row
from studio.text import Words

LONGEST = 4000
ROLES = ("system", "user", "assistant")


def shown(row: Row, words: Words) -> dict[str, Any]:
    """`shape`, and what this shape has."""
    shape = rows.shape(row)
    return {"shape": shape, **VIEWS[shape](row, words)}


def cut(text: Any) -> str:
    said = text if isinstance(text, str) else str(text)
    return said if len(said) <= LONGEST else said[:LONGEST] + "…"


def turn(message: Row, words: Words) -> dict[str, Any]:
    role = str(message.get("role", ""))
    who = words.t(f"data.role.{role}") if role in ROLES else role
    return {"role": role, "who": who, "text": cut(rows.said(message)), "pictures": rows.pictures(message)}


def _turns(row: Row, words: Words) -> dict[str, Any]:
    return {"turns": [turn(message, words) for message in rows.turns(row)]}


def _preference(row: Row, words: Words) -> dict[str, Any]:
    return _turns(row, words) | {"better": cut(row["chosen"]), "worse": cut(row["rejected"])}


def _label(row: Row, words: Words) -> dict[str, Any]:
    return {"text": cut(row["text"]), "labels": [one for one in str(row["label"]).split(", ") if one]}


def _score(row: Row, words: Words) -> dict[str, Any]:
    return {"first": cut(row["first"]), "second": cut(row["second"]), "score": words.number(row["score"], 3)}


def _exam(row: Row, words: Words) -> dict[str, Any]:
    right = set(row["answers"])
    options = [{"text": cut(text), "right": place in right} for place, text in enumerate(row["options"], start=1)]
    return {"question": cut(row["question"]), "options": options}


def _caption(row: Row, words: Words) -> dict[str, Any]:
    return {"pictures": [row["image"]], "text": cut(row["caption"])}


VIEWS: dict[str, Callable[[Row, Words], dict[str, Any]]] = {
    "chat": _turns,
    "visual": _turns,
    "text": lambda row, words: {"text": cut(row["text"])},
    "preference": _preference,
    "label": _label,
    "score": _score,
    "exam": _exam,
    "caption": _caption,
}
