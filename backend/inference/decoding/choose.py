"""The next token of each row of a batch."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from backend.inference.sampling import Sampling

FIRST_LOOK = 256
# Below this the quotient may overflow, and the most likely token is all but certain anyway.
COLDEST = 1e-3


@dataclass(frozen=True)
class Draw:
    """The settings of one row and its own source of chance, so that a seed gives the same draws in any company.

    `seen`: the tokens of prompt and answer, kept only where repeating them costs something.
    """

    sampling: Sampling
    chance: random.Random
    seen: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, sampling: Sampling, prompt: Sequence[int] = ()) -> "Draw":
        seen = set(prompt) if sampling.repetition_penalty != 1 else set()
        return cls(sampling, random.Random(sampling.seed), seen)

    @property
    def simple(self) -> bool:
        """Whether the most likely token is the answer."""
        return self.sampling.greedy and self.sampling.repetition_penalty == 1

    def said(self, token: int) -> None:
        if self.sampling.repetition_penalty != 1:
            self.seen.add(token)


def tokens(logits: torch.Tensor, draws: list[Draw]) -> list[int]:
    """One token for each row of `logits`, shape (rows, vocabulary)."""
    chosen: list[int] = logits.argmax(-1).tolist()
    for row, draw in enumerate(draws):
        if draw.simple:
            continue
        scores = fresher(logits[row], draw)
        greedy = draw.sampling.greedy
        chosen[row] = int(scores.argmax()) if greedy else drawn(scores, draw.sampling, draw.chance.random())
    return chosen


def fresher(logits: torch.Tensor, draw: Draw) -> torch.Tensor:
    """Logits of one row in which the tokens already seen are less likely (CTRL, arXiv 1909.05858, section 4.1)."""
    penalty = draw.sampling.repetition_penalty
    if penalty == 1 or not draw.seen:
        return logits
    ids = torch.tensor(sorted(draw.seen), device=logits.device)
    values = logits[ids]
    return logits.index_put((ids,), torch.where(values > 0, values / penalty, values * penalty))


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
