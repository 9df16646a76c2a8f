"""The stored rows of a data set, one after another."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def read(path: Path) -> Iterator[Row]:
    """Every row in its stored form: {"messages": [{"role", "content"}, ...]} or {"text"}."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def texts(row: Row) -> Iterator[str]:
    """What is written in a row, message by message."""
    if "text" in row:
        yield row["text"]
    for message in row.get("messages", ()):
        yield message["content"]


def question(row: Row) -> str:
    """The first thing the user says, or the whole of a plain text; without what readers do not see."""
    asked = (message["content"] for message in row.get("messages", ()) if message["role"] == "user")
    return plain(next(asked, row.get("text", "")))


def plain(text: str) -> str:
    """A text without differences of case and spacing, for comparing questions."""
    return " ".join(text.casefold().split())


def answers(row: Row) -> Iterable[str]:
    return [message["content"] for message in row.get("messages", ()) if message["role"] == "assistant"]
