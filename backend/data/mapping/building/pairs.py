"""Pairs of a better and a worse answer, from columns, from messages, or from one list of answers with ranks."""

import re
from typing import Any

from backend.data import pairs
from backend.data.mapping.building import cells, chats
from backend.data.mapping.building import turns as said
from backend.data.mapping.building.cells import Values
from backend.data.mapping.fields import Fields
from backend.data.shapes import Row

SPOKEN = re.compile(r"\n\n(Human|Assistant):")
SPEAKERS = {"Human": said.USER, "Assistant": said.ASSISTANT}


def row(mapping: Fields, values: Values, place: str) -> Row:
    """The stored pair; DataError as `backend.data.pairs`."""
    sides = {side: _side(mapping, values, side, place) for side in pairs.SIDES}
    asked = _asked(mapping, values, place)
    sides = {side: _answer(found, asked) for side, found in sides.items()}
    if not asked and all(isinstance(side, str) for side in sides.values()):
        asked, sides = _parted(sides)
    return pairs.normalise({"prompt": asked or None, **sides}, place)


def _answer(side: Any, asked: list[dict[str, str]]) -> Any:
    """Without what was asked, where that stands in the side once more."""
    if isinstance(side, list) and len(side) > 1 and side[:-1] == asked[1 - len(side) :]:
        return side[-1:]
    return side


def _asked(mapping: Fields, values: Values, place: str) -> list[dict[str, str]]:
    if "messages" in mapping.fields:
        every = said.turns(values.get(mapping.fields["messages"]), mapping.fields["messages"], place)
    elif {"question", "context"} & mapping.fields.keys():
        every = chats.asked(mapping, values, place)
    else:
        return []
    return _messages([*chats.opening(mapping, values, place, every), *every], "question", place)


def _side(mapping: Fields, values: Values, side: str, place: str) -> Any:
    column = mapping.fields[side]
    value = cells.parsed(values.get(column))
    if isinstance(value, list) and value and all(isinstance(one, dict) and "rank" in one for one in value):
        ranked = sorted(value, key=lambda one: float(one["rank"]))
        return str((ranked[0] if side == "chosen" else ranked[-1]).get("answer", ""))
    if isinstance(value, dict) or said.is_list(value):
        return _messages(said.turns(value, column, place), column, place)
    return cells.text(values, column, place, numbers=mapping.numbers_as_text)


def _messages(every: list[said.Turn], column: str, place: str) -> list[dict[str, str]]:
    return [
        {"role": said.PLACES.get(turn.who, turn.who), "content": said.plain(turn.what, column, place)} for turn in every
    ]


def _parted(sides: dict[str, Any]) -> tuple[list[dict[str, str]], dict[str, Any]]:
    """Without a question of its own: what both texts begin with, at the end of a word or of a turn, was asked."""
    spoken = {side: _spoken(text) for side, text in sides.items()}
    if all(spoken.values()):
        return [], spoken
    chosen, rejected = (sides[side] for side in pairs.SIDES)
    same = next((at for at, (one, other) in enumerate(zip(chosen, rejected, strict=False)) if one != other), 0)
    at = max(chosen.rfind(" ", 0, same + 1), chosen.rfind("\n", 0, same + 1)) + 1
    asked = chosen[:at].strip()
    if not asked:
        return [], sides
    return [{"role": said.USER, "content": asked}], {side: text[at:] for side, text in sides.items()}


def _spoken(text: str) -> list[dict[str, str]]:
    """The turns of a conversation that is written as "Human: ... Assistant: ..."."""
    if not text.startswith("\n\nHuman:"):
        return []
    _, *found = SPOKEN.split(text)
    return [{"role": SPEAKERS[who], "content": what.strip()} for who, what in zip(found[::2], found[1::2], strict=True)]
