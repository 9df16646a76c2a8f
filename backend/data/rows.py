"""The stored rows of a data set, one after another."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

Row = dict[str, Any]


def read(path: Path) -> Iterator[Row]:
    """Every row in its stored form: {"messages": [{"role", "content"}, ...]}, {"text"}, or {"prompt": [{"role",
    "content"}, ...], "chosen", "rejected"}.
    """
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def texts(row: Row) -> Iterator[str]:
    """What is written in a row, message by message."""
    if "text" in row:
        yield row["text"]
    for message in turns(row):
        yield message["content"]
    if "chosen" in row:
        yield from answers(row)


def question(row: Row) -> str:
    """The first thing the user says, or the whole of a plain text; without what readers do not see."""
    asked = (message["content"] for message in turns(row) if message["role"] == "user")
    return plain(next(asked, row.get("text", "")))


def plain(text: str) -> str:
    """A text without differences of case and spacing, for comparing questions."""
    return " ".join(text.casefold().split())


def turns(row: Row) -> list[dict[str, str]]:
    """The messages of a chat, or those that led to two answers."""
    found: list[dict[str, str]] = row.get("messages") or row.get("prompt") or []
    return found


def shape(row: Row) -> Literal["chat", "text", "preference"]:
    return "text" if "text" in row else "preference" if "chosen" in row else "chat"


def answers(row: Row) -> Iterable[str]:
    """What the model is taught about: the answers of a chat, or the better and the worse one."""
    if "chosen" in row:
        return [row["chosen"], row["rejected"]]
    return [message["content"] for message in row.get("messages", ()) if message["role"] == "assistant"]
