"""The next token of each row of a batch."""

import random
from dataclasses import dataclass

import torch

from backend.inference.sampling import Sampling

FIRST_LOOK = 256
# Below this the quotient may overflow, and the most likely token is all but certain anyway.
COLDEST = 1e-3


@dataclass(frozen=True)
class Draw:
    """The settings of one row and its own source of chance, so that a seed gives the same draws in any company."""

    sampling: Sampling
    chance: random.Random

    @classmethod
    def of(cls, sampling: Sampling) -> "Draw":
        return cls(sampling, random.Random(sampling.seed))


def tokens(logits: torch.Tensor, draws: list[Draw]) -> list[int]:
    """One token for each row of `logits`, shape (rows, vocabulary)."""
    chosen: list[int] = logits.argmax(-1).tolist()
    for row, draw in enumerate(draws):
        if not draw.sampling.greedy:
            chosen[row] = drawn(logits[row], draw.sampling, draw.chance.random())
    return chosen


def drawn(logits: torch.Tensor, sampling: Sampling, chance: float) -> int:
    """Nucleus sampling (arXiv 1904.09751) of one row: the token at `chance` (0 to 1) of what the nucleus holds.

    The nucleus is nearly always within the first few hundred tokens, so the whole vocabulary is sorted only if not.
    """
    probabilities = torch.softmax(logits.float() / max(sampling.temperature, COLDEST), -1)
    if sampling.top_p >= 1:
        return at(probabilities.cumsum(-1), chance)
    values, ids = probabilities.topk(min(FIRST_LOOK, len(probabilities)))
    if values.sum() < sampling.top_p:
        values, ids = probabilities.sort(descending=True)
    total = values.cumsum(-1)
    size = int((total < sampling.top_p).sum()) + 1
    return int(ids[at(total[:size], chance)])


def at(total: torch.Tensor, chance: float) -> int:
    """The first index whose cumulative weight is above `chance` of the whole."""
    return min(int(torch.searchsorted(total, chance * total[-1], right=True)), len(total) - 1)
