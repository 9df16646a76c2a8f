"""The stored rows of a data set, one after another, and what is said in each, whatever its shape."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from backend.data.shapes import Shape

Row = dict[str, Any]


def read(path: Path) -> Iterator[Row]:
    """Every row in its stored form: `backend.data.shapes`."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def shape(row: Row) -> Shape:
    """Of a row in its stored form, by the field that only this shape has."""
    for field, found in MARKS:
        if field in row:
            return found
    shows = any(isinstance(message.get("content"), list) for message in row.get("messages", ()))
    return "visual" if shows else "chat"


MARKS: tuple[tuple[str, Shape], ...] = (
    ("label", "label"),
    ("text", "text"),
    ("chosen", "preference"),
    ("score", "score"),
    ("options", "exam"),
    ("caption", "caption"),
)


def texts(row: Row) -> Iterator[str]:
    """What is written in a row, message by message or part by part; neither scores nor pictures."""
    if "options" in row:
        yield row["question"]
        yield from row["options"]
    for field in ("text", "first", "second", "label", "caption"):
        if field in row:
            yield row[field]
    for message in turns(row):
        yield said(message)
    if "chosen" in row:
        yield from answers(row)


def question(row: Row) -> str:
    """What a row asks: the first thing the user says, the text that gets a label or a score, the picture that gets a
    caption, or the whole of a plain text; without what readers do not see.
    """
    if "options" in row:
        return plain("\n".join([row["question"], *row["options"]]))
    if "score" in row:
        return plain(f"{row['first']}\n{row['second']}")
    if "caption" in row:
        return str(row["image"])
    asked = ("\n".join([*pictures(message), said(message)]) for message in turns(row) if message["role"] == "user")
    return plain(next(asked, row.get("text", "")))


def plain(text: str) -> str:
    """A text without differences of case and spacing, for comparing questions."""
    return " ".join(text.casefold().split())


def said(message: dict[str, Any]) -> str:
    """The text of a message, without its pictures."""
    content = message["content"]
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content if part.get("type") == "text")


def pictures(part: Row) -> list[str]:
    """The files of the pictures in a message or in a row, in their order."""
    if "image" in part:
        return [part["image"]]
    content = part.get("content")
    if isinstance(content, list):
        return [piece["image"] for piece in content if piece.get("type") == "image"]
    return [name for message in part.get("messages", ()) for name in pictures(message)]


def turns(row: Row) -> list[dict[str, Any]]:
    """The messages of a chat, or those that led to two answers."""
    found: list[dict[str, Any]] = row.get("messages") or row.get("prompt") or []
    return found


def answers(row: Row) -> Iterable[str]:
    """What the model is taught about: the answers of a chat, the better and the worse one, the label, the score, the
    right options, or the caption.
    """
    if "chosen" in row:
        return [row["chosen"], row["rejected"]]
    if "options" in row:
        return [row["options"][place - 1] for place in row["answers"]]
    found = [str(row[field]) for field in ("label", "score", "caption") if field in row]
    return found or [said(message) for message in row.get("messages", ()) if message["role"] == "assistant"]
