"""Lists of messages in the many ways people write them, as (who, what) one after another."""

import json
from typing import Any, NamedTuple

from backend.data.mapping.building import cells
from backend.errors import DataError

WHO = ("role", "from", "sender", "speaker", "author", "rol", "ruolo", "de_la", "da")
WHAT = ("content", "value", "text", "message", "continut", "conținut", "contenuto", "mesaj", "messaggio", "testo",
        "parts")  # fmt: skip
USER, ASSISTANT, SYSTEM = "user", "assistant", "system"
ROLES = {
    **dict.fromkeys(("user", "human", "utilizator", "utente", "prompter", "student", "elev"), USER),
    **dict.fromkeys(
        ("assistant", "gpt", "bot", "chatbot", "ai", "model", "chatgpt", "bing", "bard", "asistent", "assistente"),
        ASSISTANT,
    ),
    **dict.fromkeys(("system", "developer", "sistem", "sistema"), SYSTEM),
    # A call of a tool stands where an answer stands, and what the tool said where a question does.
    **dict.fromkeys(("function_call", "tool_call", "function", "tool_calls"), "call"),
    **dict.fromkeys(("observation", "tool", "tool_response", "function_response", "ipython"), "result"),
}
PLACES = {"call": ASSISTANT, "result": USER}


class Turn(NamedTuple):
    """`who`: user, assistant, system, call, result, or what the file says; `what`: text or a list of parts."""

    who: str
    what: Any
    given: str = ""


def turns(value: Any, column: str, place: str) -> list[Turn]:
    """DataError unless the cell holds a list of messages with somebody and something in each."""
    found = cells.parsed(value)
    if isinstance(found, dict):
        found = [found]
    if not isinstance(found, list) or not found:
        raise DataError("data.not_turns", line=place, field=column)
    return [_turn(one, column, place) for one in found]


def _turn(one: Any, column: str, place: str) -> Turn:
    fields = {key.casefold(): key for key in one} if isinstance(one, dict) else {}
    who = next((fields[name] for name in WHO if name in fields), None)
    what = next((fields[name] for name in WHAT if name in fields), None)
    calls = (one.get("tool_calls") or one.get("function_call")) if fields else None
    if who is None or (what is None and not calls):
        raise DataError("data.turn_fields", line=place, field=column, role="role", content="content")
    said = one[what] if what else None
    if calls and not said:
        return Turn("call", json.dumps(calls, ensure_ascii=False))
    named = str(one[who])
    return Turn(
        ROLES.get(named.strip().casefold(), named), said, one.get("input") if isinstance(one.get("input"), str) else ""
    )


def uses_tool(message: dict[str, Any]) -> bool:
    """Whether a message calls a tool or is what a tool said."""
    return bool(message.get("tool_calls") or message.get("function_call")) or _role(message) in PLACES


def is_answer(message: dict[str, Any]) -> bool:
    return _role(message) == ASSISTANT


def is_unlearned(message: dict[str, Any]) -> bool:
    """Marked as only to be read, as OpenAI and Axolotl do."""
    return message.get("weight") == 0 or message.get("train") is False


def _role(message: dict[str, Any]) -> str | None:
    named = next((value for key, value in message.items() if key.casefold() in WHO), "")
    return ROLES.get(str(named).strip().casefold())


def is_list(value: Any) -> bool:
    """Whether a cell looks like a list of messages."""
    found = cells.parsed(value)
    if not isinstance(found, list) or not found or not isinstance(found[0], dict):
        return False
    fields = {key.casefold() for key in found[0]}
    return bool(fields & set(WHO)) and bool(fields & {*WHAT, "tool_calls"})


def parts(what: Any) -> list[dict[str, Any]]:
    """The parts of a message: {"type": "text", "text"} and {"type": "image", ...}; a text is one part."""
    if isinstance(what, str):
        return [{"type": "text", "text": what}]
    if isinstance(what, dict):
        return [what]
    return (
        [one if isinstance(one, dict) else {"type": "text", "text": one} for one in what]
        if isinstance(what, list)
        else []
    )


def plain(what: Any, column: str, place: str) -> str:
    """The text of a message without pictures; DataError when it is none."""
    if what is None:
        return ""
    if isinstance(what, str):
        return what
    said = [
        part.get("text") for part in parts(what) if part.get("type", "text") in ("text", "input_text", "output_text")
    ]
    if not said or len(said) < len(parts(what)) or not all(isinstance(text, str) for text in said):
        raise DataError("data.not_text", line=place, field=column)
    return "\n".join(map(str, said))
