"""How much a run has to do: documents, steps, tokens of the usual and of the largest micro-batch."""

import random
from dataclasses import dataclass
from math import ceil

import numpy as np

from backend.data.order import order
from backend.forecast.lengths import Lengths
from backend.recipes.schema import Recipe

DRAWS = 100_000
MOST_BATCHES = 2000
EVALUATION_TOKENS = 4096


@dataclass(frozen=True)
class Work:
    """`tokens`: of all steps together; `largest`: of the largest micro-batch; `length`: of a document on average.

    `looked`: the most pairs of a token and one that it may look at, in a micro-batch, as if it could look ahead too.
    `held_out`: tokens measured at each evaluation; `evaluated`: of the largest group of them.
    """

    steps: int
    micro_batches: int
    tokens: int
    largest: int
    looked: int
    length: float
    learned: float
    held_out: int
    evaluated: int

    @property
    def tokens_per_step(self) -> int:
        return round(self.tokens / self.steps)


def work(lengths: Lengths, recipe: Recipe) -> Work:
    """What the recipe does with a data set of these lengths."""
    own = documents(lengths.tokens, recipe)
    sample = _mixed(own, documents(lengths.replayed, recipe), recipe.replay.share)
    padded = recipe.objective == "preference"
    count = _count(lengths, recipe, len(own))
    share = recipe.watching.eval_share if lengths.held is None else lengths.held / max(lengths.rows, 1)
    held = round(count * share)
    trained = count - held
    if recipe.replay.data and recipe.replay.share > 0:
        trained = round(trained / (1 - recipe.replay.share))
    effective = recipe.batch.size * recipe.batch.accumulation
    limit = recipe.schedule.max_steps
    seen = limit * effective if limit is not None else max(1, round(trained * recipe.schedule.epochs))
    steps = ceil(seen / effective)
    held_out = round(held * sum(own) / len(own))
    share = ceil(effective / recipe.compute.devices)
    micro, batches = min(recipe.batch.size, share, seen), ceil(seen / recipe.batch.size)
    found = planned(lengths.trained, recipe, seen) or drawn(sample, micro, batches, padded=padded)
    mean = sum(one for one, _ in found) / len(found) / micro if padded else sum(sample) / len(sample)
    return Work(
        steps=steps,
        micro_batches=batches,
        tokens=round(seen * mean),
        largest=max(one for one, _ in found),
        looked=max(pairs for _, pairs in found),
        length=mean / _sides(recipe),
        learned=lengths.learned,
        held_out=held_out,
        evaluated=min(held_out, own[-1] if padded else max(EVALUATION_TOKENS, own[-1])),
    )


def _mixed(own: list[int], other: list[int], share: float) -> list[int]:
    """Documents of both kinds, `share` of them `other`, shortest first."""
    if not other or share <= 0:
        return own
    wanted = round(len(own) * share / (1 - share))
    return sorted(own + [other[at * len(other) // wanted] for at in range(wanted)])


def documents(tokens: tuple[int, ...], recipe: Recipe) -> list[int]:
    """Lengths of the documents that these rows become, shortest first: chats are cut, long texts make windows."""
    most = recipe.batch.max_length
    if recipe.objective != "text":
        return sorted(_cut(tokens, recipe))
    windows = []
    for size in tokens:
        # A text of a billion tokens need not be written out: its windows are all alike.
        windows += [most] * min(size // most, DRAWS // max(1, len(tokens)))
        windows += [size % most] if size % most else []
    return sorted(windows)


def _cut(tokens: tuple[int, ...], recipe: Recipe) -> list[int]:
    most = recipe.batch.max_length * _sides(recipe)
    return [min(size, most) for size in tokens]


def _count(lengths: Lengths, recipe: Recipe, sampled: int) -> int:
    """Documents of the whole set."""
    if recipe.objective != "text":
        return lengths.rows
    most = recipe.batch.max_length
    windows = sum(ceil(size / most) for size in lengths.tokens)
    return max(sampled, round(lengths.rows * windows / len(lengths.tokens)))


def _sides(recipe: Recipe) -> int:
    """Sequences that a row becomes."""
    return 2 if recipe.objective == "preference" else 1


def planned(trained: tuple[int, ...], recipe: Recipe, seen: int) -> list[tuple[int, int]]:
    """(tokens, pairs as in `Work.looked`) of the very micro-batches that a run on one device will make of these rows.

    [] where they are not known: a row without an answer that fits is left out of a run; where there is one, these are
    other draws of the same rows.
    """
    size = recipe.batch.size
    if not trained or recipe.objective == "text" or recipe.compute.devices > 1 or seen > size * MOST_BATCHES:
        return []
    every = np.array(_cut(trained, recipe))
    epochs = range(ceil(seen / len(every)))
    taken = np.concatenate([every[order(recipe.compute.seed, epoch, len(every))] for epoch in epochs])[:seen]
    batches = [taken[at : at + size] for at in range(0, seen, size)]
    return [_sizes(one.tolist(), padded=recipe.objective == "preference") for one in batches]


def drawn(sample: list[int], size: int, batches: int, *, padded: bool) -> list[tuple[int, int]]:
    """The same of so many micro-batches of `size` documents, drawn as often as is worth it; of pairs, with padding."""
    draw = random.Random(0)
    tries = max(20, min(batches, MOST_BATCHES, DRAWS // size))
    return [_sizes(draw.choices(sample, k=size), padded=padded) for _ in range(min(tries, batches))]


def _sizes(documents: list[int], *, padded: bool) -> tuple[int, int]:
    """Of documents of so many tokens each; of pairs, which are padded, twice as many of half the longest one."""
    every = [max(documents) // 2] * 2 * len(documents) if padded else documents
    return sum(every), sum(one * one for one in every)
