"""The shapes of OpenAI's HTTP interface that the engine speaks: requests are read, answers and errors are written."""

import json
import time
from dataclasses import dataclass
from typing import Any

from backend.errors import ChatError, StudioError
from backend.inference import parts
from backend.inference.ask import Message, Piece
from backend.inference.sampling import Sampling

# Of a request; pictures come on top of it.
MOST_WORDS = 4 * 2**20
MOST_BYTES = 64 * 2**20
ROLES = ("system", "user", "assistant")
# What OpenAI's interface offers and the engine does not do, and the values with which it would do nothing.
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "n": (1, None),
    "tools": ([], None),
    "functions": ([], None),
    "logprobs": (False, None),
    "logit_bias": ({}, None),
    "presence_penalty": (0, None),
    "frequency_penalty": (0, None),
    "response_format": ({"type": "text"}, None),
}


@dataclass(frozen=True)
class ChatRequest:
    model: str
    messages: list[Message]
    sampling: Sampling
    stream: bool
    include_usage: bool
    usage_on_the_way: bool


def read(body: bytes) -> ChatRequest:
    """ChatError with a sentence when the request is not one."""
    try:
        values = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ChatError("chat.not_json") from error
    if not isinstance(values, dict) or not isinstance(values.get("model"), str):
        raise ChatError("chat.no_model_named")
    for name, neutral in NEUTRAL.items():
        if values.get(name) not in neutral:
            raise ChatError("chat.unsupported", name=name)
    told = messages(values.get("messages"))
    _refuse_large(len(body), parts.pictures(told))
    options = values.get("stream_options")
    return ChatRequest(
        model=values["model"],
        messages=told,
        sampling=sampling(values),
        stream=values.get("stream") is True,
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
        usage_on_the_way=isinstance(options, dict) and options.get("continuous_usage_stats") is True,
    )


def _refuse_large(size: int, pictures: list[bytes]) -> None:
    """ChatError for too many pictures, or when what is left of a request of `size` bytes without them is too much."""
    if len(pictures) > parts.MOST_PICTURES:
        raise ChatError("chat.many_pictures", count=len(pictures), most=parts.MOST_PICTURES)
    if size - sum(len(picture) * 4 // 3 for picture in pictures) > MOST_WORDS:
        raise ChatError("chat.too_large", most=MOST_WORDS // 2**20)


def sampling(values: dict[str, Any]) -> Sampling:
    names = ("temperature", "top_p", "repetition_penalty", "seed", "stop")
    given = {name: values[name] for name in names if values.get(name) is not None}
    for name in ("max_completion_tokens", "max_tokens"):
        if values.get(name) is not None:
            given["max_tokens"] = values[name]
    return Sampling(**given)


def messages(values: object) -> list[Message]:
    if not isinstance(values, list) or not values:
        raise ChatError("chat.no_messages")
    return [message(value, number) for number, value in enumerate(values, start=1)]


def message(value: object, number: int) -> Message:
    role = value.get("role") if isinstance(value, dict) else None
    if not isinstance(value, dict) or role not in ROLES:
        raise ChatError("chat.role", number=number, known=", ".join(ROLES))
    content = parts.read(value.get("content"), number)
    if role != "user" and not isinstance(content, str):
        raise ChatError("chat.picture_role", number=number)
    return {"role": role, "content": content}


def usage(piece: Piece) -> dict[str, int]:
    """Tokens of prompt and answer; `context_tokens` is our own: how many of both the model can read."""
    total = piece.prompt_tokens + piece.tokens
    counts = {"prompt_tokens": piece.prompt_tokens, "completion_tokens": piece.tokens, "total_tokens": total}
    return counts | ({"context_tokens": piece.context} if piece.context else {})


def completion(answer_id: str, model: str, text: str, last: Piece) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": last.finish}
    head = {"id": answer_id, "object": "chat.completion", "created": int(time.time()), "model": model}
    return head | {"choices": [choice], "usage": usage(last)}


HEARTBEAT = b": the model is being loaded\n\n"
DONE = b"data: [DONE]\n\n"


class Chunks:
    """Writes the chunks of one streamed answer; what is the same in all of them is encoded once."""

    def __init__(self, answer_id: str, model: str, *, with_usage: bool, on_the_way: bool = False) -> None:
        head = {"id": answer_id, "object": "chat.completion.chunk", "created": int(time.time()), "model": model}
        self._head = json.dumps(head)[:-1]
        self._with_usage = with_usage
        self._on_the_way = on_the_way

    def first(self) -> bytes:
        return self._event('{"role":"assistant","content":""}', "null")

    def piece(self, piece: Piece) -> bytes:
        """A piece as events: its text; behind the last one why it ended, usage if asked for, and DONE."""
        counted = f',"usage":{json.dumps(usage(piece))}' if self._on_the_way and not piece.last else ""
        text = self._event('{"content":' + json.dumps(piece.text) + "}", "null", counted) if piece.text else b""
        if piece.error:
            return text + b"data: " + json.dumps(error(piece.error)).encode() + b"\n\n" + DONE
        if not piece.finish:
            return text
        counts = self._usage(piece) if self._with_usage else b""
        return text + self._event("{}", json.dumps(piece.finish)) + counts + DONE

    def _usage(self, last: Piece) -> bytes:
        return f'data: {self._head},"choices":[],"usage":{json.dumps(usage(last))}}}\n\n'.encode()

    def _event(self, delta: str, finish: str, counted: str = "") -> bytes:
        choices = f'[{{"index":0,"delta":{delta},"finish_reason":{finish}}}]'
        return f'data: {self._head},"choices":{choices}{counted}}}\n\n'.encode()


def error(reason: StudioError, *, kind: str = "invalid_request_error") -> dict[str, Any]:
    """OpenAI's error object; `studio` carries key and values, so that our own client can say it in any language."""
    values = {
        name: value if isinstance(value, int | float | str) else str(value) for name, value in reason.values.items()
    }
    studio = {"key": reason.key, "values": values}
    return {"error": {"message": str(reason), "type": kind, "param": None, "code": reason.key, "studio": studio}}
