"""Chats, from a list of messages or from a question and its answer in columns of their own."""

import json
from typing import Any

from backend.data import shapes
from backend.data.mapping.building import cells
from backend.data.mapping.building import turns as said
from backend.data.mapping.building.cells import Values
from backend.data.mapping.building.turns import Turn
from backend.data.mapping.fields import Fields
from backend.data.shapes import Row
from backend.errors import DataError

BAD = frozenset({"false", "0", "no", "nu", "bad", "rejected", "undesirable"})


def row(mapping: Fields, values: Values, place: str, number: int | str) -> Row:
    """The stored chat; DataError for roles and turns that do not fit, and for an answer that is marked as bad."""
    _refuse_bad(mapping, values, place)
    every = said_in(mapping, values, place)
    stored = [(said.PLACES.get(turn.who, turn.who), turn.what, turn.given) for turn in _texts(every, mapping, place)]
    return shapes.chat(stored, number)


def said_in(mapping: Fields, values: Values, place: str) -> list[Turn]:
    """All turns of a record, its system text first: what was asked and, where there is one, what was answered."""
    if "messages" in mapping.fields:
        every = said.turns(values.get(mapping.fields["messages"]), mapping.fields["messages"], place)
    else:
        every = [*asked(mapping, values, place), *_answered(mapping, values, place)]
    return [*opening(mapping, values, place, every), *every]


def asked(mapping: Fields, values: Values, place: str) -> list[Turn]:
    """The turns before it and the question, with what it is about behind it."""
    before = _history(mapping, values, place)
    column = mapping.fields.get("question", "")
    value = cells.parsed(values.get(column))
    if said.is_list(value):
        return [*before, *said.turns(value, column, place)]
    text = cells.text(values, column, place, numbers=mapping.numbers_as_text) if column else ""
    given = about(mapping, values, place)
    if given and text:
        return [*before, Turn(said.USER, f"{text}{shapes.BEFORE_INPUT}{given}", given)]
    return [*before, Turn(said.USER, text or given)]


def about(mapping: Fields, values: Values, place: str) -> str:
    """The text a question is about; a list as its lines."""
    column = mapping.fields.get("context")
    if column is None:
        return ""
    value = cells.parsed(values.get(column))
    if isinstance(value, list):
        return "\n".join(cells.names(value))
    return cells.text(values, column, place, numbers=mapping.numbers_as_text)


def opening(mapping: Fields, values: Values, place: str, every: list[Turn]) -> list[Turn]:
    """The system text of a column of its own, and tools behind it, unless the messages begin with one."""
    columns = [mapping.fields[role] for role in ("system", "tools") if role in mapping.fields]
    texts = [_as_text(values, column, place) for column in columns]
    text = shapes.BEFORE_INPUT.join(part for part in texts if part.strip())
    return [Turn(said.SYSTEM, text)] if text and not (every and every[0].who == said.SYSTEM) else []


def _as_text(values: Values, column: str, place: str) -> str:
    value = values.get(column)
    if isinstance(value, dict) and (parts := value.get("parts", value.get("content"))):
        return said.plain(parts, column, place)
    return (
        json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else cells.text(values, column, place)
    )


def _answered(mapping: Fields, values: Values, place: str) -> list[Turn]:
    column = mapping.fields.get("answer", "")
    value = cells.parsed(values.get(column))
    if said.is_list(value):
        return said.turns(value, column, place)
    if isinstance(value, dict | list):
        text = next(iter(cells.names(value)), "")
    else:
        text = cells.text(values, column, place, numbers=mapping.numbers_as_text)
    return [Turn(said.ASSISTANT, text if text.strip() else mapping.empty_answer)]


def _history(mapping: Fields, values: Values, place: str) -> list[Turn]:
    column = mapping.fields.get("history")
    found = cells.parsed(values.get(column)) if column else None
    if not found:
        return []
    if not isinstance(found, list) or not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in found):
        raise DataError("mapping.history", line=place, field=column)
    return [Turn(who, str(text)) for pair in found for who, text in zip((said.USER, said.ASSISTANT), pair, strict=True)]


def _texts(every: list[Turn], mapping: Fields, place: str) -> list[Turn]:
    """All of it as text; what several tools said, one after another, as one turn."""
    column = mapping.fields.get("messages") or mapping.fields.get("question", "")
    found: list[Turn] = []
    for turn in every:
        text = said.plain(turn.what, column, place)
        if turn.who == "result" and found and found[-1].who == "result":
            found[-1] = Turn("result", f"{found[-1].what}\n{text}")
        else:
            found.append(Turn(turn.who, text, _end(text, turn.given)))
    return found


def _end(text: str, given: str) -> str:
    """What a message says is its input, where that is really its end."""
    return given if given and text.endswith(shapes.BEFORE_INPUT + given) else ""


def _refuse_bad(mapping: Fields, values: Values, place: str) -> None:
    column = mapping.fields.get("verdict")
    value: Any = values.get(column) if column else None
    if value is not None and str(value).strip().casefold() in BAD:
        raise DataError("mapping.marked_bad", line=place, field=column)
