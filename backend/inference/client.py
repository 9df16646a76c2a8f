"""Talks to the engine process, or to any server with OpenAI's chat interface; every failure is a ChatError sentence."""

import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from backend.errors import ChatError, StudioError
from backend.inference.ask import Message
from backend.inference.loads import Expected, Loads
from backend.inference.sampling import Sampling
from backend.inference.shelf import Shelf
from backend.paths import Workspace
from backend.people import HOME, Person

# The engine sends a sign of life every few seconds; one that is silent for so long is dead.
SILENCE_SECONDS = 60.0
POLL_SECONDS = 0.05
BROKEN = (OSError, http.client.HTTPException)


@dataclass(frozen=True)
class Address:
    url: str
    token: str


@dataclass(frozen=True)
class Reply:
    """`tokens` of the answer, `seconds` from the question to its end; `finish` is "stop" or "length"."""

    text: str
    tokens: int
    seconds: float
    finish: str = "stop"


@dataclass
class Stream:
    """The pieces of an answer as they come; at the end `tokens`, `prompt_tokens` and `finish` are known.

    Our own engine counts on the way, too, and says the length of its `context`. Closing it, or leaving a
    `with closing(stream)`, ends the answer in the engine too; `hang_up` does so from another thread.
    """

    _lines: Iterator[dict[str, Any]]
    _connection: http.client.HTTPConnection | None = None
    tokens: int = 0
    prompt_tokens: int = 0
    context: int = 0
    finish: str = ""
    _text: Iterator[str] = field(init=False)

    def __post_init__(self) -> None:
        self._text = self._read()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        return next(self._text)

    def hang_up(self) -> None:
        """Whoever reads the stream meanwhile gets a ChatError at once."""
        if self._connection and self._connection.sock:
            with suppress(OSError):
                self._connection.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        for open_one in (self._text, self._lines):
            if hasattr(open_one, "close"):
                open_one.close()

    def _read(self) -> Iterator[str]:
        for chunk in self._lines:
            if usage := chunk.get("usage"):
                self.tokens = int(usage.get("completion_tokens", 0))
                self.prompt_tokens = int(usage.get("prompt_tokens", 0))
                self.context = int(usage.get("context_tokens", 0))
            for choice in chunk.get("choices", []):
                self.finish = choice.get("finish_reason") or self.finish
                if text := choice.get("delta", {}).get("content"):
                    yield text


class Engine:
    """The engine of a workspace; with `address`, another server that speaks the same interface."""

    def __init__(self, workspace: Workspace, *, person: Person = HOME, address: Address | None = None) -> None:
        self._workspace = workspace
        self._person = person
        self._external = address

    def ready(self) -> bool:
        """Whether somebody answers at the engine's address."""
        try:
            self.models()
        except ChatError:
            return False
        return True

    def wait_ready(self, timeout: float) -> None:
        """ChatError when the engine does not answer within `timeout` seconds."""
        end = time.monotonic() + timeout
        while not self.ready():
            if time.monotonic() > end:
                raise ChatError("chat.not_started", seconds=round(timeout))
            time.sleep(POLL_SECONDS)

    def models(self) -> list[str]:
        """The names that `ask` and `stream` take: catalogue models, and `run:<job id>` of finished runs."""
        return [str(model["id"]) for model in self._call("GET", "/v1/models").get("data", [])]

    def ask(self, messages: list[Message], *, model: str, settings: Sampling | None = None) -> Reply:
        started = time.monotonic()
        with closing(self.stream(messages, model=model, settings=settings)) as stream:
            text = "".join(stream)
        return Reply(text, stream.tokens, time.monotonic() - started, stream.finish)

    def stream(self, messages: list[Message], *, model: str, settings: Sampling | None = None) -> Stream:
        """Begin an answer; ChatError at once when the engine refuses, or on the way when it breaks off."""
        options = {"include_usage": True} | ({} if self._external else {"continuous_usage_stats": True})
        body = {"model": model, "messages": messages, "stream": True, "stream_options": options}
        chosen = (settings or Sampling()).model_dump(exclude_none=True)
        chosen["stop"] = list(chosen["stop"]) or None
        if chosen["repetition_penalty"] == 1:
            del chosen["repetition_penalty"]  # not part of OpenAI's interface: other servers may refuse it
        connection, response = self._send("POST", "/v1/chat/completions", body | chosen)
        return Stream(self._events(connection, response), connection)

    def unload(self, *, force: bool = False) -> None:
        """Free the engine's memory; ChatError when it is answering somebody and `force` is not set."""
        self._call("POST", f"/unload?force={int(force)}")

    def describe(self) -> dict[str, Any]:
        """What is loaded, on which device, and the bytes it takes."""
        return self._call("GET", "/health")

    def expected(self, model: str) -> Expected:
        """What a question to this model waits for now, and about how long; another server does not say."""
        if self._external:
            return Expected("reading")
        target = Shelf(self._workspace).find(self._person, model)
        try:
            state = self.describe()
        except ChatError:
            state = None
        return Loads(self._workspace).expected(target, state)

    def _address(self) -> Address:
        if self._external:
            return self._external
        try:
            found = json.loads(self._workspace.engine_address.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError) as error:
            raise ChatError("chat.not_running") from error
        return Address(found["url"] + "/v1", found["token"])

    def _call(self, method: str, path: str) -> dict[str, Any]:
        connection, response = self._send(method, path, None)
        with closing(connection):
            try:
                found: dict[str, Any] = json.loads(response.read())
            except BROKEN as error:
                raise ChatError("chat.engine_gone") from error
            except ValueError as error:
                raise ChatError("chat.not_an_engine", url=self._address().url) from error
            return found

    def _send(
        self, method: str, path: str, body: dict[str, Any] | None
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        address = self._address()
        parts = urlsplit(address.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=SILENCE_SECONDS)
        headers = {
            "Authorization": f"Bearer {address.token}",
            "Content-Type": "application/json",
            "X-Studio-Person": self._person.id,
        }
        base = parts.path.rstrip("/")
        target = base + path.removeprefix("/v1") if path.startswith("/v1") else base.removesuffix("/v1") + path
        try:
            connection.request(method, target, json.dumps(body) if body is not None else None, headers)
            response = connection.getresponse()
            refusal = response.read() if response.status >= 400 else None
        except BROKEN as error:
            connection.close()
            raise ChatError("chat.not_running") from error
        if refusal is not None:
            connection.close()
            raise refused(refusal, address.url)
        return connection, response

    def _events(
        self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse
    ) -> Iterator[dict[str, Any]]:
        """The chunks of a server-sent-events answer; ChatError when it ends before its last one."""
        url = self._address().url
        with closing(connection), closing(response):
            while True:
                try:
                    line = response.readline()
                except BROKEN as error:
                    raise ChatError("chat.engine_gone") from error
                if not line:
                    raise ChatError("chat.engine_gone")
                if line.startswith(b"data: [DONE]"):
                    return
                if line.startswith(b"data: "):
                    yield chunk(line[6:], url)


def chunk(data: bytes, url: str) -> dict[str, Any]:
    """One event of a stream; ChatError when it is an error or nothing that this interface has."""
    try:
        found = json.loads(data)
    except ValueError:
        found = None
    if not isinstance(found, dict) or "error" in found:
        raise refused(data, url)
    return found


def refused(body: bytes, url: str) -> StudioError:
    """The engine's own sentence, which can be said in every language; of another server, what it said."""
    try:
        said = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        return ChatError("chat.not_an_engine", url=url)
    if not isinstance(said, dict):
        return ChatError("chat.engine_said", url=url, message=said)
    studio = said.get("studio")
    if isinstance(studio, dict):
        return ChatError(studio["key"], **studio["values"])
    return ChatError("chat.engine_said", url=url, message=said.get("message", ""))
