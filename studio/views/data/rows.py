"""One stored row as the page draws it: what is said by whom, labels, options, pictures; texts only, long ones cut."""

from collections.abc import Callable
from functools import partial
from typing import Any

from backend.data import rows
from backend.data.review import columns
from backend.data.shapes import Row
from studio.text import Words

LONGEST, WHOLE = 4000, 0
ROLES = ("system", "user", "assistant")
REVIEWED = ("approved", "edited")
Cut = Callable[[Any], str]


def shown(row: Row, words: Words, longest: int = LONGEST) -> dict[str, Any]:
    """`shape`, and what this shape has; `origin` where people have let it through. `longest`: characters of a text
    before it is cut, or `WHOLE`.
    """
    shape = rows.shape(row)
    return {"shape": shape, "origin": origin(row, words), **VIEWS[shape](row, words, partial(cut, longest=longest))}


def cut(text: Any, longest: int = LONGEST) -> str:
    said = text if isinstance(text, str) else str(text)
    return said if not longest or len(said) <= longest else said[:longest] + "…"


def origin(row: Row, words: Words) -> str:
    """By whom it was approved or corrected, and which row it was; "" for one that was not reviewed."""
    verdict, by = row.get(columns.VERDICT), row.get(columns.BY)
    if verdict not in REVIEWED or not isinstance(by, list):
        return ""
    said = words.t(f"data.reviewed.{verdict}", names=", ".join(map(str, by)), row=str(row.get(columns.ROW, "")))
    return f"{said} · {words.t('data.reviewed.settled')}" if row.get(columns.SETTLED) is True else said


def turn(message: Row, words: Words, cut: Cut) -> dict[str, Any]:
    role = str(message.get("role", ""))
    who = words.t(f"data.role.{role}") if role in ROLES else role
    return {"role": role, "who": who, "text": cut(rows.said(message)), "pictures": rows.pictures(message)}


def _turns(row: Row, words: Words, cut: Cut) -> dict[str, Any]:
    return {"turns": [turn(message, words, cut) for message in rows.turns(row)]}


def _preference(row: Row, words: Words, cut: Cut) -> dict[str, Any]:
    return _turns(row, words, cut) | {"better": cut(row["chosen"]), "worse": cut(row["rejected"])}


def _label(row: Row, words: Words, cut: Cut) -> dict[str, Any]:
    return {"text": cut(row["text"]), "labels": [one for one in str(row["label"]).split(", ") if one]}


def _score(row: Row, words: Words, cut: Cut) -> dict[str, Any]:
    return {"first": cut(row["first"]), "second": cut(row["second"]), "score": words.number(row["score"], 3)}


def _exam(row: Row, words: Words, cut: Cut) -> dict[str, Any]:
    right = set(row["answers"])
    options = [{"text": cut(text), "right": place in right} for place, text in enumerate(row["options"], start=1)]
    return {"question": cut(row["question"]), "options": options}


def _caption(row: Row, words: Words, cut: Cut) -> dict[str, Any]:
    return {"pictures": [row["image"]], "text": cut(row["caption"])}


VIEWS: dict[str, Callable[[Row, Words, Cut], dict[str, Any]]] = {
    "chat": _turns,
    "visual": _turns,
    "text": lambda row, words, cut: {"text": cut(row["text"])},
    "preference": _preference,
    "label": _label,
    "score": _score,
    "exam": _exam,
    "caption": _caption,
}
