"""What the HTTP front and the part that decodes say to each other: a question, and the pieces of its answer."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from backend.errors import StudioError
from backend.inference.parts import Message as Message
from backend.inference.sampling import Sampling
from backend.inference.shelf import Target


@dataclass(frozen=True)
class Piece:
    """A part of an answer. The last one has `finish` or `error`; token counts are those up to this piece.

    `context` is how many tokens of prompt and answer together the model can read; 0 where that is not known.
    """

    text: str = ""
    finish: Literal["stop", "length"] | None = None
    prompt_tokens: int = 0
    tokens: int = 0
    context: int = 0
    error: StudioError | None = None

    @property
    def last(self) -> bool:
        return self.finish is not None or self.error is not None


@dataclass(eq=False)
class Ask:
    """One question to one model. `inbox` belongs to the event loop; the decoding thread only reads `cancelled`."""

    target: Target
    messages: list[Message]
    sampling: Sampling
    inbox: asyncio.Queue[Piece] = field(default_factory=asyncio.Queue)
    cancelled: bool = False


Post = Callable[[list[tuple[Ask, Piece]]], None]
Note = Callable[[str, float], None]
"""Told what was loaded (`backend.inference.loads.key`) and in how many seconds."""


class Generator(Protocol):
    """What the front needs of `backend.inference.decoding.run.Generator`, which imports torch."""

    def submit(self, ask: Ask) -> None:
        """Take a question; its pieces are posted, the first one perhaps after a model was loaded."""

    def unload(self, *, force: bool) -> bool:
        """Free all memory of models; False when somebody is being answered and `force` is not set."""

    def describe(self) -> dict[str, Any]:
        """What is loaded, the memory it takes and how many questions are being answered."""

    def close(self) -> None:
        """End the decoding thread."""
