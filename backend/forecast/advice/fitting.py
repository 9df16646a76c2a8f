"""What to change so that a run fits into the memory: the smallest changes first, none that is not needed.

In this order: what gives the same result (activations made again, smaller micro-batches), what changes it hardly (the
optimizer in 8 bits), then what is trained and on which weights (LoRA, QLoRA), then what is learned (shorter examples,
fewer adapted matrices), and another model only when nothing else is enough.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from backend.forecast.model import Forecast
from backend.recipes.changes import Change, compare, with_changes
from backend.recipes.schema import Recipe

Settings = Mapping[str, Any]
SHORTEST, NARROWEST = 64, 4
EIGHT_BITS = {"adamw": "adamw_8bit", "paged_adamw": "paged_adamw_8bit"}


@dataclass(frozen=True)
class Move:
    """One thing to do: `key` of the sentence that says it, the settings it changes, and the forecast after it."""

    key: str
    changes: tuple[Change, ...]
    forecast: Forecast


@dataclass(frozen=True)
class Fitting:
    """What was found: `recipe` with all `moves`, and what it needs. `fits`: whether that is enough. `model`: the id of
    a smaller model that the recipe fits with as it was, where no change of settings is enough; then there are no moves.
    """

    recipe: Recipe
    moves: tuple[Move, ...]
    forecast: Forecast
    model: str | None = None

    @property
    def fits(self) -> bool:
        return self.forecast.fits


@dataclass(frozen=True)
class Step:
    """A kind of change, from the gentlest on: each of `tries` is a set of settings, none of them undoes another."""

    key: str
    tries: Callable[[Recipe], Iterator[Settings]]


def fitted(
    recipe: Recipe, forecast: Callable[[Recipe], Forecast], smaller: Iterable[tuple[str, Forecast]] = ()
) -> Fitting:
    """The recipe with the changes that make it fit, or with those that help most where nothing is enough.

    `smaller`: the forecast of the recipe as it is with each model that might be taken instead, the best first.
    """
    now, taken = forecast(recipe), list[tuple[str, Settings]]()
    tried, changed = now, recipe
    for step in STEPS:
        if tried.fits:
            break
        tried, changed, found = _gentlest(step, changed, tried, forecast)
        taken += [(step.key, found)] if found else []
    if not tried.fits:
        for model, other in smaller:
            if other.fits:
                return Fitting(recipe, (), other, model)
    kept = _needed(recipe, taken, forecast) if tried.fits else taken
    moves = tuple(_moves(recipe, kept, forecast))
    return Fitting(_after(recipe, kept), moves, moves[-1].forecast if moves else now)


def _gentlest(
    step: Step, recipe: Recipe, now: Forecast, forecast: Callable[[Recipe], Forecast]
) -> tuple[Forecast, Recipe, Settings]:
    """The first of a step's changes that is enough, else the one with which least is needed; {} when none helps."""
    best: tuple[Forecast, Recipe, Settings] = (now, recipe, {})
    for settings in step.tries(recipe):
        changed = with_changes(recipe, settings)
        found = forecast(changed)
        if found.needs < best[0].needs:
            best = (found, changed, settings)
        if found.fits:
            break
    return best


def _needed(
    recipe: Recipe, taken: list[tuple[str, Settings]], forecast: Callable[[Recipe], Forecast]
) -> list[tuple[str, Settings]]:
    """Without what a later change made needless: the gravest that are left stay, the gentlest are tried without."""
    kept = list(taken)
    for one in reversed(taken[:-1]):
        rest = [other for other in kept if other is not one]
        if forecast(_after(recipe, rest)).fits:
            kept = rest
    return kept


def _after(recipe: Recipe, taken: list[tuple[str, Settings]]) -> Recipe:
    return reduce(lambda before, one: with_changes(before, one[1]), taken, recipe)


def _moves(recipe: Recipe, taken: list[tuple[str, Settings]], forecast: Callable[[Recipe], Forecast]) -> Iterator[Move]:
    for key, settings in taken:
        changed = with_changes(recipe, settings)
        yield Move(key, tuple(compare(recipe, changed)), forecast(changed))
        recipe = changed


def _checkpointing(recipe: Recipe) -> Iterator[Settings]:
    if recipe.compute.gradient_checkpointing == "off":
        yield {"compute.gradient_checkpointing": "on"}


def _micro(recipe: Recipe) -> Iterator[Settings]:
    """Fewer rows at once, and so many more rounds that a step learns from as many as before."""
    whole = recipe.effective_batch
    for size in range(recipe.batch.size - 1, 0, -1):
        if whole % size == 0:
            yield {"batch.size": size, "batch.accumulation": whole // size}


def _optimizer(recipe: Recipe) -> Iterator[Settings]:
    if recipe.schedule.optimizer in EIGHT_BITS:
        yield {"schedule.optimizer": EIGHT_BITS[recipe.schedule.optimizer]}


def _lora(recipe: Recipe) -> Iterator[Settings]:
    if recipe.method == "full":
        yield {"method": "lora"}


def _four_bits(recipe: Recipe) -> Iterator[Settings]:
    plain = {} if recipe.lora.start != "pissa" else {"lora.start": "zero"}
    packed = {"quantisation.kind": "nf4", "quantisation.double": True}
    if recipe.method == "lora":
        yield {"method": "qlora", **packed, **plain}
    if recipe.method == "qlora":
        yield packed


def _shorter(recipe: Recipe) -> Iterator[Settings]:
    """By a quarter, by half, and so on: what is cut off is not learned."""
    longest = recipe.batch.max_length
    while longest > SHORTEST:
        for share in (0.75, 0.5):
            yield {"batch.max_length": max(SHORTEST, int(share * longest) // 16 * 16)}
        longest //= 2


def _narrower(recipe: Recipe) -> Iterator[Settings]:
    """A lower rank with as much effect of each update, then adapters on the attention only."""
    if recipe.method == "full":
        return
    rank, alpha = recipe.lora.rank, recipe.lora.alpha
    while rank > NARROWEST and rank % 2 == 0 and alpha % 2 == 0:
        rank, alpha = rank // 2, alpha // 2
        yield {"lora.rank": rank, "lora.alpha": alpha}
    if recipe.lora.target_modules == "all-linear":
        yield {"lora.rank": rank, "lora.alpha": alpha, "lora.target_modules": "attention"}


STEPS = (
    Step("forecast.fit_checkpointing", _checkpointing),
    Step("forecast.fit_batch", _micro),
    Step("forecast.fit_optimizer", _optimizer),
    Step("forecast.fit_lora", _lora),
    Step("forecast.fit_four_bits", _four_bits),
    Step("forecast.fit_shorter", _shorter),
    Step("forecast.fit_narrower", _narrower),
)
