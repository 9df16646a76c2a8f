"""The pictures of a row of documents, looked at when the row goes through the model."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from backend.sight.looker import Features, Looker

Look = Callable[[Path], Features]
"""What the model sees of the picture in a file."""


@dataclass(frozen=True)
class Shown:
    """`documents`: of each the files of its pictures, in their order; `lengths`: how many tokens each has."""

    looker: Looker
    look: Look
    documents: tuple[tuple[Path, ...], ...]
    lengths: tuple[int, ...]

    def given(self, tokens: Tensor) -> dict[str, Any]:
        """What the model is given beside the tokens (1, length) of the row."""
        pictures = [[self.look(path) for path in every] for every in self.documents]
        return self.looker.given(tokens, pictures, self.lengths)

    def alone(self, at: int) -> "Shown":
        """Those of one document of the row."""
        return replace(self, documents=(self.documents[at],), lengths=(self.lengths[at],))
