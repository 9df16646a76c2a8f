"""What only the values of columns tell: how they look, and what columns with unknown names may be."""

from collections.abc import Sequence
from typing import Any

from backend.data import languages
from backend.data.mapping.building import cells, turns
from backend.data.mapping.mapping import Mapping
from backend.data.opening.opened import Notice
from backend.messages import sentence

Values = dict[str, Any]
TEXT_LETTERS = 12
"""A column whose values have fewer letters on average is no column of texts."""
FEW = 0.5
"""A column with at most so large a share of different values may hold labels."""
TEXT_ROLES = ("question", "answer", "context", "text", "chosen", "rejected", "first", "second", "caption")
THOUGHTS = ("thinking", "reasoning_content", "reasoning")
MEDIA = ("videos", "video", "audios", "audio")
PICTURES = ("images", "image")
PICTURE_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".gif", ".bmp", ".tif", ".tiff", ".avif")


def guessed(columns: Sequence[str], rows: Sequence[Values]) -> Mapping:
    """A mapping for names that nothing is known of; it says that it is a guess, or that nothing was found."""
    texts = [name for name in columns if _is_text(rows, name)]
    others = [name for name in columns if name not in texts and _values(rows, name)]
    few = [name for name in others if _is_few(rows, name)]
    scores = [name for name in others if all(is_number(value) for value in _values(rows, name)) and name in few]
    notice = (Notice(key="mapping.guessed"),)
    if len(texts) == 2 and len(scores) == 1:
        fields = {"first": texts[0], "second": texts[1], "score": scores[0]}
        return Mapping(shape="score", fields=fields, also=("chat",), notices=notice)
    if len(texts) == 1 and len(few) == 1:
        return Mapping(shape="label", fields={"text": texts[0], "label": few[0]}, also=("text", "chat"), notices=notice)
    if len(texts) == 1 and len(columns) > 1 and len(others) == 1 and len(rows) > 1:
        pair = sorted([texts[0], others[0]], key=list(columns).index)
        return Mapping(shape="chat", fields=dict(zip(("question", "answer"), pair, strict=True)), notices=notice)
    if len(texts) > 1:
        fields = {"question": texts[0], "answer": texts[1]}
        return Mapping(shape="chat", fields=fields, also=("score", "text", "label"), notices=notice)
    if len(texts) == 1:
        return Mapping(shape="text", fields={"text": texts[0]}, notices=notice)
    return Mapping(shape="text", notices=(Notice(key="mapping.unknown", values={"columns": ", ".join(columns)[:200]}),))


def _values(rows: Sequence[Values], name: str) -> list[Any]:
    return [value for row in rows if (value := row.get(name)) is not None and value != ""]


def _is_text(rows: Sequence[Values], name: str) -> bool:
    values = _values(rows, name)
    if not values or not all(isinstance(value, str) for value in values):
        return False
    return sum(sum(map(str.isalpha, value)) for value in values) >= TEXT_LETTERS * len(values)


def _is_few(rows: Sequence[Values], name: str) -> bool:
    values = _values(rows, name)
    if not all(isinstance(value, str | int | float) for value in values):
        return False
    return len(set(values)) <= max(2, FEW * len(values))


def only_numbers(mapping: Mapping, rows: Sequence[Values]) -> bool:
    """Whether a column of texts holds nothing but numbers, as the answers of an arithmetic test do."""
    named = [mapping.fields[role] for role in TEXT_ROLES if role in mapping.fields]
    columns = [_values(rows, name) for name in named]
    return any(found and all(type(value) in (int, float) for value in found) for found in columns)


def unanswerable(mapping: Mapping, rows: Sequence[Values]) -> bool:
    """Whether some questions are there to be left unanswered."""
    if mapping.shape != "chat" or "messages" in mapping.fields:
        return False
    if "answer" not in mapping.fields:
        return True
    empty = (row.get(mapping.fields["answer"]) for row in rows)
    lists = any(isinstance(value, dict | list) and not any(cells.names(value)) for value in empty)
    return lists or any("is_impossible" in row for row in rows)


def kept_otherwise(mapping: Mapping, rows: Sequence[Values]) -> list[str]:
    """What these rows hold that is not kept as it is meant, each with the name of its notice."""
    column = mapping.fields.get("messages", "")
    lists = [row.get(column) for row in rows if turns.is_list(row.get(column))]
    messages = [one for found in lists for one in cells.parsed(found) if isinstance(one, dict)]
    offered = mapping.fields.get("tools", "")
    pairs = mapping.shape == "preference"
    return [
        name
        for name, holds in (
            ("tools", any(cells.parsed(row.get(offered)) for row in rows) or any(map(turns.uses_tool, messages))),
            ("unlearned", any(turns.is_answer(one) and turns.is_unlearned(one) for one in messages)),
            ("thoughts", any(one.get(field) for one in messages for field in THOUGHTS)),
            ("media", any(row.get(name) for row in rows for name in MEDIA)),
            ("no_pictures", pairs and any(is_picture(row[name]) for row in rows for name in PICTURES if row.get(name))),
        )
        if holds
    ]


def no_answer(mapping: Mapping, rows: Sequence[Values]) -> str:
    """That a text does not say it, in the language the questions are in."""
    asked = (value for row in rows if isinstance(value := row.get(mapping.fields["question"]), str))
    return sentence("mapping.not_in_text", languages.of(asked) or "en")


def is_ranked(value: Any) -> bool:
    found = cells.parsed(value)
    return (
        isinstance(found, list)
        and len(found) > 1
        and all(isinstance(one, dict) and {"answer", "rank"} <= one.keys() for one in found)
    )


def is_segments(value: Any) -> bool:
    """Parts of a text that say of each whether it is learned."""
    found = cells.parsed(value)
    return (
        isinstance(found, list)
        and bool(found)
        and all(isinstance(one, dict) and {"text", "label"} <= one.keys() for one in found)
    )


def is_number(value: Any) -> bool:
    if isinstance(value, str):
        return bool(cells.NUMBER.fullmatch(value.strip()))
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_verdict(rows: Sequence[Values], name: str) -> bool:
    values = _values(rows, name)
    return bool(values) and all(str(value).casefold() in ("true", "false") for value in values)


def is_picture(value: Any) -> bool:
    """The name of a picture, its bytes, or a list of such."""
    found = cells.parsed(value)
    if isinstance(found, list):
        return bool(found) and all(is_picture(one) for one in found)
    if isinstance(found, dict):
        return isinstance(found.get("bytes"), bytes) or is_picture(found.get("path"))
    if isinstance(found, str):
        return found.casefold().endswith(PICTURE_ENDINGS) or found.startswith("data:image/")
    return isinstance(found, bytes) or hasattr(found, "read")


def pictures_in(columns: Sequence[str], rows: Sequence[Values], messages: str) -> bool:
    """Whether these chats are about pictures: in a column beside them, or as parts of a message."""
    beside = any(is_picture(value) for name in columns if name != messages for value in _values(rows, name))
    return beside or any(_shows(row.get(messages)) for row in rows)


def _shows(value: Any) -> bool:
    if not turns.is_list(value):
        return False
    every = (part for turn in turns.turns(value, "", "") for part in turns.parts(turn.what))
    return any(str(part.get("type", "")).startswith("image") for part in every)
