"""The shapes of rows that are understood, and the one form of each that is stored.

chat   {"messages": [{"role": "system|user|assistant", "content": text, "input": text (may be missing)}, ...]}
       {"conversations": [{"from": "system|human|gpt", "value": text}, ...]}
       {"prompt": text, "completion": text}
       {"instruction": text, "input": text (may be missing), "output": text}
       {"instruction": text, "input" or "context": text (may be missing), "response": text}
       {"question": text, "answer": text}
text   {"text": text}
preference  {"chosen", "rejected"} and what was asked: `backend.data.pairs`
label  {"text": text, "label": text, several with ", " between them}
score  {"first": text, "second": text, "score": number}
exam   {"question": text, "options": [text, ...], "answers": [places from 1]}
caption  {"image": "pictures/<sha256>.<ending>", "caption": text}
visual   {"messages": [...]} as a chat, the content of messages with pictures being a list of {"type": "image", "image":
         "pictures/<sha256>.<ending>"} and {"type": "text", "text": text}

The first three are recognised here by the names of their fields; what other names mean says `backend.data.mapping`.
Every chat is stored as the first of its forms. Fields that are not named here are left out. The input of an
instruction stands behind it, after an empty line, and once more by itself: a template that gives it a heading of its
own finds it there, every other one reads one text.
"""

from collections.abc import Callable
from typing import Any, Literal

from backend.data import pairs
from backend.errors import DataError

Shape = Literal["chat", "text", "preference", "label", "score", "exam", "caption", "visual"]
Row = dict[str, Any]
Turn = tuple[str, str, str]

INPUTS = ("input", "context")
BEFORE_INPUT = "\n\n"
BEFORE = {"system": ("",), "user": ("", "system", "assistant"), "assistant": ("user",)}
"""What may stand before a message of this role; "" is the beginning."""
ROLES = {"system": "system", "user": "user", "assistant": "assistant"}
OTHER_ROLES = {"system": "system", "human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant"}


def normalise(row: Row, line: int | str, number: int) -> tuple[Shape, Row]:
    """The row in its stored form; DataError names the line, or the conversation by its `number` from 1."""
    if any(side in row for side in pairs.SIDES):
        return "preference", pairs.normalise(row, line)
    for fields, read in READERS:
        if all(field in row for field in fields):
            return read(row, line, number)
    raise DataError("data.unknown_fields", line=line, fields=", ".join(map(str, row)) or "-")


def _messages(row: Row, line: int | str, number: int) -> tuple[Shape, Row]:
    if is_stored(row["messages"]):
        return "chat", {"messages": row["messages"]}
    return _chat(_turns(row["messages"], "messages", ("role", "content"), line), ROLES, number)


def is_stored(messages: Any) -> bool:
    """Whether a chat is in its stored form already: most are, and need no more than this."""
    if type(messages) is not list:
        return False
    before = ""
    for message in messages:
        if type(message) is not dict or len(message) != 2:
            return False
        (first, role), (second, content) = message.items()
        if first != "role" or second != "content" or type(role) is not str or before not in BEFORE.get(role, ()):
            return False
        if type(content) is not str or not content or content.isspace():
            return False
        before = role
    return before == "assistant"


def _conversations(row: Row, line: int | str, number: int) -> tuple[Shape, Row]:
    return _chat(_turns(row["conversations"], "conversations", ("from", "value"), line), OTHER_ROLES, number)


def _pair(question: str, answer: str) -> Callable[[Row, int | str, int], tuple[Shape, Row]]:
    def read(row: Row, line: int | str, number: int) -> tuple[Shape, Row]:
        asked, given = _text(row, question, line), ""
        field = next((name for name in INPUTS if question == "instruction" and row.get(name)), None)
        if field:
            given = _text(row, field, line)
            asked = f"{asked}{BEFORE_INPUT}{given}"
        turns = [("user", asked, given), ("assistant", _text(row, answer, line), "")]
        return _chat(([("system", _text(row, "system", line), "")] if row.get("system") else []) + turns, ROLES, number)

    return read


def _plain(row: Row, line: int | str, number: int) -> tuple[Shape, Row]:
    text = _text(row, "text", line)
    if not text.strip():
        raise DataError("data.empty_text", line=line)
    return "text", {"text": text}


READERS: tuple[tuple[tuple[str, ...], Callable[[Row, int | str, int], tuple[Shape, Row]]], ...] = (
    (("messages",), _messages),
    (("conversations",), _conversations),
    (("prompt", "completion"), _pair("prompt", "completion")),
    (("instruction", "output"), _pair("instruction", "output")),
    (("instruction", "response"), _pair("instruction", "response")),
    (("question", "answer"), _pair("question", "answer")),
    (("text",), _plain),
)


def _text(row: Row, field: str, line: int | str) -> str:
    value = row[field]
    if not isinstance(value, str):
        raise DataError("data.not_text", line=line, field=field)
    return value


def _turns(value: Any, field: str, names: tuple[str, str], line: int | str) -> list[Turn]:
    role, content = names
    if not isinstance(value, list) or not value:
        raise DataError("data.not_turns", line=line, field=field)
    for turn in value:
        if not isinstance(turn, dict) or role not in turn or content not in turn:
            raise DataError("data.turn_fields", line=line, field=field, role=role, content=content)
    return [(str(turn[role]), _text(turn, content, line), _input(turn, content)) for turn in value]


def _input(turn: Row, content: str) -> str:
    """What a message says is its input, where that is really its end."""
    given = turn.get("input")
    return given if isinstance(given, str) and given and turn[content].endswith(BEFORE_INPUT + given) else ""


def chat(turns: list[Turn], number: int | str) -> Row:
    """The stored form of (role, content, input or "") one after another; DataError names the conversation."""
    return _chat(turns, ROLES, number)[1]


def _chat(turns: list[Turn], roles: dict[str, str], number: int | str) -> tuple[Shape, Row]:
    """The stored form; DataError unless user and assistant take turns, any system text is first, and all have words."""
    before = ""
    messages = []
    for place, (said_by, content, given) in enumerate(turns, start=1):
        if said_by not in roles:
            raise DataError("data.unknown_role", conversation=number, role=said_by, turn=place)
        role = roles[said_by]
        _refuse_order(before, role, number, place)
        if not content.strip():
            raise DataError("data.empty_answer" if role == "assistant" else "data.empty_turn", **_at(number, place))
        messages.append({"role": role, "content": content} | ({"input": given} if given else {}))
        before = role
    if before != "assistant":
        raise DataError("data.no_answer", conversation=number)
    return "chat", {"messages": messages}


def _refuse_order(before: str, role: str, number: int | str, place: int) -> None:
    if role == before:
        raise DataError("data.role_twice", role=role, **_at(number, place))
    if role == "system" and before:
        raise DataError("data.late_system", **_at(number, place))
    if role == "assistant" and before != "user":
        raise DataError("data.answer_first", **_at(number, place))


def _at(number: int | str, place: int) -> dict[str, int | str]:
    return {"conversation": number, "turn": place}
