"""The answers of one turn while they are written: several threads write, pages look on, anybody may stop them."""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from backend.chats.model import UNFINISHED, Answer
from backend.inference.loads import Expected
from backend.people import Person


class Hearable(Protocol):
    """What `backend.inference.client.Stream` lets another thread do."""

    def hang_up(self) -> None:
        """End it."""


@dataclass(eq=False)
class Running:
    """`version` grows with every change; `expected` is what each answer waits for before its first word.

    `settled` once its answers are in the ledger, a moment after the last of them was complete.
    """

    person: Person
    chat: str
    answers: dict[str, Answer]
    version: int = 0
    stopped: bool = False
    expected: dict[str, Expected] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)
    saved: float = field(default_factory=time.monotonic)
    settled: threading.Event = field(default_factory=threading.Event)
    _streams: dict[str, Hearable] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, person: Person, chat: str, answers: Iterable[Answer]) -> "Running":
        return cls(person, chat, {answer.id: answer for answer in answers})

    def put(self, answer_id: str, **values: Any) -> None:
        """Change an answer; nothing is added once it was stopped."""
        with self._lock:
            if not self.stopped:
                self.answers[answer_id] = self.answers[answer_id].model_copy(update=values)
                self.version += 1

    def expect(self, answer_id: str, expected: Expected) -> None:
        with self._lock:
            self.expected[answer_id] = expected
            self.version += 1

    def holds(self, answer_id: str, stream: Hearable) -> None:
        """From now on stopping ends this stream; at once, when it was stopped meanwhile."""
        with self._lock:
            self._streams[answer_id] = stream
            late = self.stopped
        if late:
            stream.hang_up()

    def stop(self) -> None:
        """What was said so far stays; the engine is told to end."""
        with self._lock:
            self.stopped = True
            for answer in self.answers.values():
                if answer.state in UNFINISHED:
                    self.answers[answer.id] = answer.model_copy(update={"state": "stopped"})
            self.version += 1
            streams = list(self._streams.values())
        for stream in streams:
            stream.hang_up()

    @property
    def done(self) -> bool:
        return all(answer.state not in UNFINISHED for answer in self.answers.values())

    def due(self, seconds: float) -> bool:
        """Whether the last saving is so long ago; the one who is told so saves."""
        with self._lock:
            if time.monotonic() - self.saved < seconds:
                return False
            self.saved = time.monotonic()
            return True
