"""What a message holds: words, and pictures as the data: URLs of OpenAI's parts."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from backend.errors import ChatError

Part = dict[str, Any]
Message = dict[str, Any]
"""`role` and `content`: a text, or parts. Over HTTP a picture is {"type": "image_url", "image_url": {"url": data URL}};
once read it is {"type": "image", "image": the bytes of its file}.
"""
MOST_PICTURES = 16
MOST_BYTES = 20_000_000
INLINE = "data:image/"


def message(question: str, pictures: Sequence[bytes] = ()) -> Message:
    """A question about these pictures, each the bytes of a file, as it goes over HTTP."""
    if not pictures:
        return {"role": "user", "content": question}
    shown = [{"type": "image_url", "image_url": {"url": address(picture)}} for picture in pictures]
    return {"role": "user", "content": [*shown, {"type": "text", "text": question}]}


def address(picture: bytes) -> str:
    """A data URL. What kind of picture it is, whoever reads it sees from its bytes."""
    return f"{INLINE}jpeg;base64,{base64.b64encode(picture).decode('ascii')}"


def read(content: object, number: int) -> str | list[Part]:
    """What message `number` holds: a text where there are only words, else parts; ChatError when it is neither."""
    if isinstance(content, str):
        return _readable(content)
    if not isinstance(content, list):
        raise ChatError("chat.content", number=number)
    parts = [_part(part, number) for part in content]
    if any(part["type"] == "image" for part in parts):
        return parts
    return "".join(part["text"] for part in parts)


def words(content: str | list[Part]) -> str:
    """All that a message says, without its pictures."""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def pictures(messages: Sequence[Message]) -> list[Any]:
    """All pictures of a conversation that was read, in their order, as they are held there."""
    contents = (message["content"] for message in messages)
    return [part["image"] for one in contents if isinstance(one, list) for part in one if part["type"] == "image"]


def _part(part: object, number: int) -> Part:
    kind = part.get("type") if isinstance(part, dict) else None
    if isinstance(part, dict) and kind == "text" and isinstance(part.get("text"), str):
        return {"type": "text", "text": _readable(part["text"])}
    if isinstance(part, dict) and kind == "image_url":
        shown = part.get("image_url")
        url = shown.get("url") if isinstance(shown, dict) else shown
        if isinstance(url, str):
            return {"type": "image", "image": _file(url, number)}
    raise ChatError("chat.content", number=number)


def _file(url: str, number: int) -> bytes:
    if not url.startswith("data:"):
        raise ChatError("chat.picture_address", number=number)
    head, _, data = url.partition(",")
    try:
        found = base64.b64decode(data, validate=True) if head.endswith(";base64") else b""
    except binascii.Error:
        found = b""
    if not found:
        raise ChatError("chat.picture_broken", number=number)
    if len(found) > MOST_BYTES:
        raise ChatError("chat.picture_heavy", number=number, most=MOST_BYTES // 1_000_000)
    return found


def _readable(text: str) -> str:
    """Halves of surrogate pairs, which no tokenizer can read, become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")
