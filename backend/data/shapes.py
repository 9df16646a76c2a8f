"""The shapes of rows that are understood, and the one form of each that is stored.

chat   {"messages": [{"role": "system|user|assistant", "content": text}, ...]}
       {"conversations": [{"from": "system|human|gpt", "value": text}, ...]}
       {"prompt": text, "completion": text}
       {"instruction": text, "input": text (may be missing), "output": text}
       {"question": text, "answer": text}
text   {"text": text}
preference  {"chosen", "rejected"} and what was asked: `backend.data.pairs`

Every chat is stored as the first of its forms. Fields that are not named here are left out.
"""

from collections.abc import Callable
from typing import Any, Literal

from backend.data import pairs
from backend.errors import DataError

Shape = Literal["chat", "text", "preference"]
Row = dict[str, Any]

ROLES = {"system": "system", "user": "user", "assistant": "assistant"}
OTHER_ROLES = {"system": "system", "human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant"}


def normalise(row: Row, line: int, number: int) -> tuple[Shape, Row]:
    """The row in its stored form; DataError names the line, or the conversation by its `number` from 1."""
    if any(side in row for side in pairs.SIDES):
        return "preference", pairs.normalise(row, line)
    for fields, read in READERS:
        if all(field in row for field in fields):
            return read(row, line, number)
    raise DataError("data.unknown_fields", line=line, fields=", ".join(map(str, row)) or "-")


def _messages(row: Row, line: int, number: int) -> tuple[Shape, Row]:
    return _chat(_turns(row["messages"], "messages", ("role", "content"), line), ROLES, number)


def _conversations(row: Row, line: int, number: int) -> tuple[Shape, Row]:
    return _chat(_turns(row["conversations"], "conversations", ("from", "value"), line), OTHER_ROLES, number)


def _pair(question: str, answer: str) -> Callable[[Row, int, int], tuple[Shape, Row]]:
    def read(row: Row, line: int, number: int) -> tuple[Shape, Row]:
        asked = _text(row, question, line)
        if question == "instruction" and row.get("input"):
            asked = f"{asked}\n\n{_text(row, 'input', line)}"
        turns = [("user", asked), ("assistant", _text(row, answer, line))]
        return _chat(([("system", _text(row, "system", line))] if row.get("system") else []) + turns, ROLES, number)

    return read


def _plain(row: Row, line: int, number: int) -> tuple[Shape, Row]:
    text = _text(row, "text", line)
    if not text.strip():
        raise DataError("data.empty_text", line=line)
    return "text", {"text": text}


READERS: tuple[tuple[tuple[str, ...], Callable[[Row, int, int], tuple[Shape, Row]]], ...] = (
    (("messages",), _messages),
    (("conversations",), _conversations),
    (("prompt", "completion"), _pair("prompt", "completion")),
    (("instruction", "output"), _pair("instruction", "output")),
    (("question", "answer"), _pair("question", "answer")),
    (("text",), _plain),
)


def _text(row: Row, field: str, line: int) -> str:
    value = row[field]
    if not isinstance(value, str):
        raise DataError("data.not_text", line=line, field=field)
    return value


def _turns(value: Any, field: str, names: tuple[str, str], line: int) -> list[tuple[str, str]]:
    role, content = names
    if not isinstance(value, list) or not value:
        raise DataError("data.not_turns", line=line, field=field)
    for turn in value:
        if not isinstance(turn, dict) or role not in turn or content not in turn:
            raise DataError("data.turn_fields", line=line, field=field, role=role, content=content)
    return [(str(turn[role]), _text(turn, content, line)) for turn in value]


def _chat(turns: list[tuple[str, str]], roles: dict[str, str], number: int) -> tuple[Shape, Row]:
    """The stored form; DataError unless user and assistant take turns, any system text is first, and all have words."""
    before = ""
    messages = []
    for place, (said_by, content) in enumerate(turns, start=1):
        if said_by not in roles:
            raise DataError("data.unknown_role", conversation=number, role=said_by, turn=place)
        role = roles[said_by]
        _refuse_order(before, role, number, place)
        if not content.strip():
            raise DataError("data.empty_answer" if role == "assistant" else "data.empty_turn", **_at(number, place))
        messages.append({"role": role, "content": content})
        before = role
    if before != "assistant":
        raise DataError("data.no_answer", conversation=number)
    return "chat", {"messages": messages}


def _refuse_order(before: str, role: str, number: int, place: int) -> None:
    if role == before:
        raise DataError("data.role_twice", role=role, **_at(number, place))
    if role == "system" and before:
        raise DataError("data.late_system", **_at(number, place))
    if role == "assistant" and before != "user":
        raise DataError("data.answer_first", **_at(number, place))


def _at(number: int, place: int) -> dict[str, int]:
    return {"conversation": number, "turn": place}
