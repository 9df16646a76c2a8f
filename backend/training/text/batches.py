"""Which documents each step trains on, and how they are laid out: one row, no padding.

The order is a function of the seed and the step alone. Epochs follow one another without a gap, so every step but the
last has exactly the effective batch; a resumed run starts at its step without walking through those before it, and a
smaller micro-batch after running out of memory still sees the same documents in the same step.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import torch
from torch import Tensor

from backend.data.order import order

Batch = dict[str, Any]
# In a batch from which nothing is learned.
NOTHING = "nothing"
# In a batch with pictures: `backend.sight.shown.Shown`.
SHOWN = "shown"


@dataclass(frozen=True)
class Document:
    """Tokens (length,), and for each one whether the model learns to write it; the first never is."""

    tokens: Tensor
    learned: Tensor

    def __len__(self) -> int:
        return self.tokens.shape[0]


def collate(documents: list[Document]) -> Batch:
    """One row of whole documents: input_ids and position_ids (1, tokens), cu_seq_lens (documents + 1,).

    `positions` are the places in the row whose next token is learned, `targets` those tokens; a position never
    predicts the first token of the document behind it, because a first token is never learned.
    """
    lengths = [len(document) for document in documents]
    tokens = torch.cat([document.tokens for document in documents])
    learned = torch.cat([document.learned for document in documents]).nonzero().squeeze(1)
    bounds = torch.tensor([0, *lengths], dtype=torch.int32).cumsum(0, dtype=torch.int32)
    return {
        "input_ids": tokens.unsqueeze(0).long(),
        "position_ids": torch.cat([torch.arange(length) for length in lengths]).unsqueeze(0),
        "cu_seq_lens_q": bounds,
        "cu_seq_lens_k": bounds,
        "max_length_q": max(lengths),
        "max_length_k": max(lengths),
        "positions": learned - 1,
        "targets": tokens[learned].long(),
    }


@dataclass(frozen=True)
class Plan:
    """How `documents` examples become steps.

    `effective` documents make a step, over all ranks and micro-batches; `micro` of them go through the model at once
    on one rank. `epochs` may be a fraction; `max_steps` overrules it.
    """

    documents: int
    effective: int
    micro: int
    epochs: float
    seed: int
    max_steps: int | None = None
    rank: int = 0
    ranks: int = 1

    @property
    def seen(self) -> int:
        """Documents the whole run trains on, repetitions counted."""
        if self.max_steps is not None:
            return self.max_steps * self.effective
        return max(1, round(self.documents * self.epochs))

    @property
    def steps(self) -> int:
        return ceil(self.seen / self.effective)

    @property
    def accumulation(self) -> int:
        """Micro-batches of one step on one rank."""
        return ceil(self.effective / (self.micro * self.ranks))

    def step(self, number: int) -> list[list[int]]:
        """The micro-batches of step `number` (from 0) on this rank: places of documents.

        All ranks have as many of them as the one with most to do; where there are no documents left, they are empty.
        """
        begin = number * self.effective
        end = min(begin + self.effective, self.seen)
        most = ceil((end - begin) / self.ranks)
        places = [self._place(at) for at in range(begin, end)][self.rank :: self.ranks]
        return [places[at : at + self.micro] for at in range(0, most, self.micro)]

    def _place(self, at: int) -> int:
        epoch, inside = divmod(at, self.documents)
        return int(order(self.seed, epoch, self.documents)[inside])


class Stream:
    """The micro-batches of a run from `first` step on, as the trainer iterates over them."""

    def __init__(
        self,
        plan: Plan,
        documents: Sequence[Any],
        first: int = 0,
        collate: Callable[[list[Any]], Batch] = collate,
    ) -> None:
        self.plan = plan
        self.documents = documents
        self.first = first
        self.collate = collate

    def __len__(self) -> int:
        last = self.plan.steps - 1
        return (last - self.first) * self.plan.accumulation + len(self.plan.step(last))

    def __iter__(self) -> Iterator[Batch]:
        for number in range(self.first, self.plan.steps):
            for places in self.plan.step(number):
                if places:
                    yield self.collate([self.documents[place] for place in places])
                else:
                    # The other ranks wait for this one: it computes something that counts for nothing.
                    yield self.collate([self.documents[0]]) | {NOTHING: 1}
