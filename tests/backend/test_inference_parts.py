"""What a request may hold besides words, and what is said when it cannot be taken."""

import base64
import json
from typing import Any

import pytest

from backend.errors import ChatError
from backend.inference import parts, wire

FILE = b"\xff\xd8 the bytes of a picture"


def read(*messages: Any) -> wire.ChatRequest:
    return wire.read(json.dumps({"model": "m", "messages": messages}).encode())


def test_a_question_with_pictures_comes_through_as_it_was_sent() -> None:
    found = read({"role": "system", "content": "Pe scurt."}, parts.message("Ce este?", [FILE, b"other"])).messages
    assert found[0] == {"role": "system", "content": "Pe scurt."}
    assert parts.pictures(found) == [FILE, b"other"]
    assert parts.words(found[1]["content"]) == "Ce este?"
    assert found[1]["content"][0] == {"type": "image", "image": FILE}


def test_words_in_parts_stay_one_text() -> None:
    content = [{"type": "text", "text": "a"}, {"type": "text", "text": "b\ud800"}]
    assert read({"role": "user", "content": content}).messages == [{"role": "user", "content": "ab?"}]
    assert parts.message("a") == {"role": "user", "content": "a"}


def picture(url: Any) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "image_url", "image_url": url}]}


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (picture({"url": "https://example.org/a.png"}), "not fetched from the internet"),
        (picture({"url": "file:///etc/passwd"}), "not fetched from the internet"),
        (picture({"url": "data:image/png;base64,@@@"}), "is not whole"),
        (picture({"url": "data:image/png,abc"}), "is not whole"),
        (picture({"url": "data:image/png;base64,"}), "is not whole"),
        (picture({"url": 5}), "neither text nor pictures"),
        ({"role": "user", "content": [{"type": "video"}]}, "neither text nor pictures"),
        ({"role": "user", "content": [None]}, "neither text nor pictures"),
        ({"role": "assistant", "content": picture({"url": parts.address(FILE)})["content"]}, "only questions can"),
        (picture({"url": parts.address(bytes(parts.MOST_BYTES + 1))}), "larger than 20 MB"),
        (parts.message("?", [FILE] * 17), "has 17 pictures; at most 16"),
        (parts.message("a" * 5_000_000, [bytes(6_000_000)]), "The request is larger than 4 MB"),
    ],
)
def test_what_cannot_be_taken_is_said(message: Any, sentence: str) -> None:
    with pytest.raises(ChatError, match=sentence):
        read(message)


def test_pictures_do_not_count_as_words() -> None:
    shown = base64.b64encode(bytes(9_000_000)).decode()
    assert read(picture(f"data:image/png;base64,{shown}")).messages
