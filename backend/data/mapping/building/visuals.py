"""Pictures with a caption, and chats about pictures, however a file says where a picture stands."""

from collections.abc import Callable, Iterator
from typing import Any

from backend.data import shapes
from backend.data.mapping.building import cells, chats
from backend.data.mapping.building import turns as said
from backend.data.mapping.building.cells import Values
from backend.data.mapping.fields import Fields
from backend.data.shapes import Row
from backend.errors import DataError

Keep = Callable[[Any, str], str]
MARK = "<image>"
SHOWN = ("image", "image_url", "input_image")


def named(reference: Any, place: str) -> str:
    """What a preview shows for a picture that is not stored yet: its name."""
    if isinstance(reference, dict):
        reference = reference.get("path") or reference.get("url") or ""
    return str(getattr(reference, "name", reference) if not isinstance(reference, bytes) else place)


def caption(mapping: Fields, values: Values, place: str, keep: Keep) -> Row:
    """{"image", "caption"}; DataError where one of them is missing."""
    text = next(iter(captions(mapping, values)), "").strip()
    if not text:
        raise DataError("mapping.no_caption", line=place)
    references = pictures(values, mapping.fields["image"])
    if len(references) != 1:
        raise DataError("mapping.one_picture", line=place, found=len(references))
    return {"image": keep(references[0], place), "caption": text}


def captions(mapping: Fields, values: Values) -> list[str]:
    """All captions of a record: a cell may hold a list of them."""
    value = values.get(mapping.fields["caption"])
    if mapping.numbers_as_text and isinstance(value, int | float):
        return [cells.written(value)]
    return [value] if isinstance(value, str) and not isinstance(cells.parsed(value), list) else cells.names(value)


def pictures(values: Values, column: str) -> list[Any]:
    """The pictures of a cell, as the file refers to them."""
    found = cells.parsed(values.get(column))
    every = found if isinstance(found, list) else [found]
    return [one for one in every if one is not None and one != ""]


def row(mapping: Fields, values: Values, place: str, number: int | str, keep: Keep) -> Row:
    """The stored chat; a picture stands where a part or the mark <image> says, else before the first question."""
    beside = iter(pictures(values, mapping.fields["image"]) if "image" in mapping.fields else [])
    every = chats.said_in(mapping, values, place)
    messages = [(said.PLACES.get(turn.who, turn.who), list(_parts(turn, beside, place))) for turn in every]
    rest = [{"type": "image", "image": one} for one in beside]
    first = next((parts for who, parts in messages if who == said.USER), None)
    if first is not None:
        first[:0] = rest
    checked = shapes.chat([(who, _text(parts) or MARK * bool(parts), "") for who, parts in messages], number)
    for message, (_, parts) in zip(checked["messages"], messages, strict=True):
        message["content"] = _content(parts, place, keep)
    return checked


def _parts(turn: said.Turn, beside: Iterator[Any], place: str) -> Iterator[dict[str, Any]]:
    """Text and pictures of a message in their order; marks and parts without a name take the next picture beside."""
    for part in said.parts(turn.what):
        if str(part.get("type", "text")) in SHOWN:
            yield {"type": "image", "image": _reference(part) or _next(beside, place)}
            continue
        pieces = str(part.get("text") or "").split(MARK)
        for at, piece in enumerate(pieces):
            if at:
                yield {"type": "image", "image": _next(beside, place)}
            if piece.strip():
                yield {"type": "text", "text": piece.strip("\n") if len(pieces) > 1 else piece}


def _reference(part: dict[str, Any]) -> Any:
    """The picture a part itself names: image, path, url, image_url, or base64."""
    found = next((part[key] for key in ("image", "path", "url", "image_url") if part.get(key)), None)
    if isinstance(found, dict) and "url" in found:
        return found["url"]
    return f"data:image/;base64,{part['base64']}" if found is None and part.get("base64") else found


def _next(beside: Iterator[Any], place: str) -> Any:
    found = next(beside, None)
    if found is None:
        raise DataError("mapping.few_pictures", line=place)
    return found


def _text(parts: list[dict[str, Any]]) -> str:
    return "\n".join(part["text"] for part in parts if part["type"] == "text")


def _content(parts: list[dict[str, Any]], place: str, keep: Keep) -> str | list[dict[str, Any]]:
    if all(part["type"] == "text" for part in parts):
        return _text(parts)
    return [{**part, "image": keep(part["image"], place)} if part["type"] == "image" else part for part in parts]
