"""A stored row as fields that a person can change, and the row that comes of them. Roles and pictures stay."""

import copy
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from backend.data.rows import Row
from backend.data.shapes import BEFORE_INPUT
from backend.errors import DataError

NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?")
PLAIN = ("text", "first", "second", "caption", "question", "label", "chosen", "rejected")


class Field(NamedTuple):
    """One text of a row. `role` says what it is (a role of a chat, else the name of the field); `number` counts those
    of one kind from 1, 0 where there is one only. `name` leads to it: the steps with "." between them.
    """

    name: str
    role: str
    value: str
    number: int = 0
    kind: Literal["text", "short"] = "text"


def fields(row: Row) -> list[Field]:
    """In the order in which they are read."""
    found = [*_turns(row)]
    for name in PLAIN:
        if isinstance(row.get(name), str):
            found.append(Field(name, name, row[name], kind="short" if name == "label" else "text"))
    for at, text in enumerate(row.get("options", ())):
        found.append(Field(f"options.{at}", "option", text, at + 1, "text" if "\n" in text else "short"))
    if "options" in row:
        found.append(Field("answers", "answers", ", ".join(map(str, row["answers"])), kind="short"))
    if "score" in row:
        found.append(Field("score", "score", str(row["score"]), kind="short"))
    return found


def _turns(row: Row) -> Iterator[Field]:
    for name in ("messages", "prompt"):
        for at, message in enumerate(row.get(name) or ()):
            content = message["content"]
            if isinstance(content, str):
                yield Field(f"{name}.{at}.content", message["role"], content)
                continue
            for place, part in enumerate(content):
                if part.get("type") == "text":
                    yield Field(f"{name}.{at}.content.{place}.text", message["role"], part["text"])


def edited(row: Row, values: Mapping[str, str]) -> Row:
    """The row with these values in the fields of these names; the same row when nothing has changed.

    DataError (with the `field`) for a text that is empty, a number or an answer that is none, or two answers that have
    become the same.
    """
    made = copy.deepcopy(row)
    for one in fields(row):
        value = values.get(one.name)
        if value is None or value == one.value:
            continue
        if not value.strip():
            raise DataError("review.empty", field=one.name)
        _put(made, one.name.split("."), READ.get(one.name, _as_it_is)(value, made))
    if "chosen" in made and made["chosen"].strip() == made["rejected"].strip():
        raise DataError("review.same_answers", field="chosen")
    for message in made.get("messages", ()):
        given = message.get("input")
        if given and not message["content"].endswith(BEFORE_INPUT + given):
            del message["input"]
    return made


def _put(into: Any, steps: list[str], value: Any) -> None:
    *before, last = [int(step) if step.isdecimal() else step for step in steps]
    for step in before:
        into = into[step]
    into[last] = value


def _as_it_is(value: str, _: Row) -> str:
    return value


def _label(value: str, _: Row) -> str:
    """Several with ", " between them."""
    return ", ".join(part for part in map(str.strip, value.split(",")) if part)


def _score(value: str, _: Row) -> float:
    if not NUMBER.fullmatch(value.strip()) or not math.isfinite(float(value.replace(",", "."))):
        raise DataError("review.no_number", field="score", found=value[:40])
    return float(value.replace(",", "."))


def _answers(value: str, row: Row) -> list[int]:
    parts = [part for part in re.split(r"[\s,;]+", value) if part]
    found = sorted({int(part) for part in parts if part.isdecimal() and len(part) < 4})
    if not found or len(found) != len(parts) or found[0] < 1 or found[-1] > len(row["options"]):
        raise DataError("review.no_answer", field="answers", found=value[:40], most=len(row["options"]))
    return found


READ = {"label": _label, "score": _score, "answers": _answers}
