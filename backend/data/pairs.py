"""Rows that say which of two answers is the better one.

{"prompt": text, "chosen": text, "rejected": text}                 prompt may also be "question" or "instruction"
{"prompt": text or messages, "chosen": messages, "rejected": messages}   the answer alone, or all that led to it
{"chosen": messages, "rejected": messages}                          the whole conversation twice

All are stored as {"prompt": [{"role", "content"}, ...], "chosen": text, "rejected": text}: the conversation up to a
question, and two answers to it.
"""

from typing import Any

from backend.errors import DataError

Row = dict[str, Any]
Message = dict[str, str]

ROLES = ("system", "user", "assistant")
QUESTIONS = ("prompt", "question", "instruction")
SIDES = ("chosen", "rejected")


def normalise(row: Row, line: int | str) -> Row:
    """The row in its stored form; DataError names the line."""
    asked = _asked(row, line)
    led = {side: _led(row, side, line) for side in SIDES}
    prompts = [before for before, _ in led.values() if before] or [asked]
    if any(prompt != prompts[0] for prompt in prompts) or (asked and not _ends(prompts[0], asked)):
        raise DataError("data.pair_prompts", line=line)
    answers = {side: answer for side, (_, answer) in led.items()}
    _refuse_prompt(prompts[0], line)
    if answers["chosen"].strip() == answers["rejected"].strip():
        raise DataError("data.pair_same", line=line)
    return {"prompt": prompts[0], **answers}


def _asked(row: Row, line: int | str) -> list[Message]:
    """What the row itself says was asked, with its "system" before it; nothing where it does not say."""
    field = next((name for name in QUESTIONS if row.get(name) is not None), None)
    if field is None:
        return []
    if isinstance(row[field], list):
        return _messages(row[field], field, line)
    text = _text(row[field], field, line)
    before = [{"role": "system", "content": _text(row["system"], "system", line)}] if row.get("system") else []
    return [*before, {"role": "user", "content": text}]


def _led(row: Row, side: str, line: int | str) -> tuple[list[Message], str]:
    """(all that was said before it where that is written, the answer) of one side."""
    value = row.get(side)
    if isinstance(value, list):
        *before, last = _messages(value, side, line)
        if last["role"] != "assistant":
            raise DataError("data.pair_end", line=line, field=side)
        return before, last["content"]
    if value is None:
        raise DataError("data.pair_missing", line=line, field=side)
    return [], _text(value, side, line)


def _messages(value: list[Any], field: str, line: int | str) -> list[Message]:
    for turn in value:
        if not isinstance(turn, dict) or "role" not in turn or "content" not in turn:
            raise DataError("data.turn_fields", line=line, field=field, role="role", content="content")
    if not value:
        raise DataError("data.not_turns", line=line, field=field)
    return [{"role": str(turn["role"]), "content": _text(turn["content"], field, line)} for turn in value]


def _text(value: Any, field: str, line: int | str) -> str:
    if not isinstance(value, str):
        raise DataError("data.not_text", line=line, field=field)
    if not value.strip():
        raise DataError("data.pair_empty", line=line, field=field)
    return value


def _ends(prompt: list[Message], asked: list[Message]) -> bool:
    """Whether what was said before an answer is what was asked; a prompt may be its last words only."""
    return prompt[-len(asked) :] == asked


def _refuse_prompt(prompt: list[Message], line: int | str) -> None:
    """Nothing asked, an unknown role, two turns of one side, or an end that nobody has to answer."""
    if not prompt:
        raise DataError("data.pair_no_prompt", line=line)
    roles = [message["role"] for message in prompt]
    if unknown := next((role for role in roles if role not in ROLES), None):
        raise DataError("data.pair_role", line=line, role=unknown)
    turns = roles[1:] if roles[0] == "system" else roles
    if turns != [("user", "assistant")[at % 2] for at in range(len(turns))] or turns[-1:] != ["user"]:
        raise DataError("data.pair_order", line=line)
