"""What a run trains on and how it is watched: all that its trainer needs to know."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from backend.recipes.schema import Recipe, Watching
from backend.training.checkpoints import Checkpoints
from backend.training.loop.group import ALONE, Group
from backend.training.network.load import Head
from backend.training.text.batches import Batch, Plan, Stream, collate
from backend.training.text.windows import Windows
from backend.training.watch import Watch


class DivergedError(Exception):
    """The loss or a trained tensor is no longer a number; `step` is where it was noticed."""

    def __init__(self, step: int) -> None:
        super().__init__(step)
        self.step = step


@dataclass(frozen=True)
class Course:
    """All that a run trains on and how it is watched.

    `documents` are taken by their place, in the order of the plan; `collate` makes a micro-batch of some of them.
    `windows`, where there are any, are what is trained on instead: long texts, which nobody holds in memory.
    """

    plan: Plan
    documents: Sequence[Any]
    held_out: Sequence[Any]
    head: Head
    watching: Watching
    checkpoints: Checkpoints
    watch: Watch
    answer: Callable[[int], None]
    stop_requested: Callable[[], str | None]
    recipe: Recipe = field(default_factory=lambda: Recipe.model_validate({}))
    collate: Callable[[list[Any]], Batch] = collate
    windows: Windows | None = None
    group: Group = ALONE

    def stream(self, first: int) -> Stream | Windows:
        """The micro-batches of the run from step `first` on."""
        if self.windows:
            return self.windows
        return Stream(self.plan, self.documents, first, self.collate)
