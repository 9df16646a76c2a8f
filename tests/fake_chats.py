"""Conversations without an engine process: the real desk and ledger, and an engine that says what a test wants."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend.errors import ChatError
from backend.inference.loads import Expected
from backend.inference.sampling import Sampling
from backend.jobs.model import Job
from backend.jobs.service import Jobs
from backend.ledger.store import Ledger
from backend.models.catalogue import Model
from backend.paths import SHIPPED_MODELS, Workspace
from backend.people import HOME, Person
from studio.services.chats import ChatServices


@dataclass
class FakeStream:
    """Word by word, each after `pause` seconds; `error` comes after the last one."""

    words: list[str]
    pause: float = 0.0
    error: ChatError | None = None
    finish: str = ""
    tokens: int = 0
    prompt_tokens: int = 20
    context: int = 100
    closed: bool = False
    _hung_up: threading.Event = field(default_factory=threading.Event)

    def __iter__(self) -> Iterator[str]:
        for word in self.words:
            if self._hung_up.wait(self.pause):
                raise ChatError("chat.engine_gone")
            self.tokens += 1
            yield word
        if self.error:
            raise self.error
        self.finish = "stop"

    def hang_up(self) -> None:
        self._hung_up.set()

    def close(self) -> None:
        self.closed = True


@dataclass
class FakeEngine:
    """`replies` by model; `asked` is everything it heard: (messages, model, settings)."""

    replies: dict[str, str] = field(default_factory=dict)
    reply: str = "Câinele are patru picioare."
    pause: float = 0.0
    is_ready: bool = True
    error: ChatError | None = None
    asked: list[tuple[list[dict[str, str]], str, Sampling]] = field(default_factory=list)
    streams: list[FakeStream] = field(default_factory=list)
    memory: int = 700_000_000
    expects: Expected = field(default_factory=lambda: Expected("reading"))

    def ready(self) -> bool:
        return self.is_ready

    def expected(self, model: str) -> Expected:
        return self.expects

    def stream(self, messages: list[dict[str, str]], *, model: str, settings: Sampling | None = None) -> FakeStream:
        self.asked.append((messages, model, settings or Sampling()))
        said = self.replies.get(model, self.reply)
        words = [f"{word} " for word in said.split(" ")] if said else []
        stream = FakeStream(words, self.pause, self.error)
        self.streams.append(stream)
        return stream

    def describe(self) -> dict[str, Any]:
        models = [{"base": "starter"}] if self.memory > 500_000_000 else []
        return {"models": models, "memory_bytes": self.memory}

    def unload(self) -> None:
        self.memory -= 300_000_000


@dataclass(frozen=True)
class FakeChats(ChatServices):
    """`known` are the runs that can be asked; `fake` is the engine. With `seeing` models, runs see, too."""

    known: dict[str, Job] = field(default_factory=dict)
    seeing: list[Model] = field(default_factory=list)
    fake: FakeEngine = field(default_factory=FakeEngine)

    @classmethod
    def at(cls, root: Path, known: dict[str, Job]) -> "FakeChats":
        workspace = Workspace(root / "workspace").create()
        return cls(workspace, Jobs(Ledger(workspace.ledger), workspace), HOME, known=known)

    def engine(self, person: Person) -> Any:
        return self.fake

    def models(self, *, sight: bool = False) -> list[Model]:
        if sight:
            return self.seeing
        titles = dict.fromkeys(("en", "ro", "it"), "Starter, 2 million")
        folder = str(SHIPPED_MODELS / "starter")
        starter = Model(id="starter", name="Starter, 2 million", location=folder, shipped=True, titles=titles)
        return [starter, *self.seeing]

    def adapters(self, *, sight: bool = False) -> list[Job]:
        return sorted((job for job in self.known.values() if job.ended), key=lambda job: -job.created_at)

    def base_of(self, model: str) -> str | None:
        return "starter"

    def sees(self, model: str) -> bool:
        return bool(self.seeing) and model != "starter"

    def _require_files(self, choices: Any) -> None:
        """The runs of a test have no files."""


def settled(chats: ChatServices, chat: str, seconds: float = 10.0) -> None:
    """Wait until nothing of this conversation is being written."""
    end = time.monotonic() + seconds
    while chats.desk.running(chat) is not None:
        assert time.monotonic() < end, "the answers did not end"
        time.sleep(0.01)
