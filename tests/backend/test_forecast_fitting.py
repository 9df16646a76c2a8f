"""What to change so that a run fits: the smallest changes, in order, and none that is not needed."""

from dataclasses import replace
from typing import Any

import pytest

from backend.forecast import facade
from backend.forecast.advice.fitting import Fitting, fitted
from backend.forecast.estimate import estimate
from backend.forecast.lengths import Lengths
from backend.forecast.model import Forecast
from backend.hardware import Machine
from backend.messages import LANGUAGES, sentence
from backend.models.facts import ModelFacts, facts
from backend.paths import SHIPPED_MODELS, Workspace
from backend.people import HOME
from backend.recipes.changes import parse
from backend.recipes.schema import Recipe
from tests.backend.test_forecast import LAPTOP
from tests.backend.test_forecast_memory import llama as llama

LONG = Lengths(1000, tuple(range(400, 1400)), 0.4)
MB = 10**6


def fit(known: ModelFacts, free: float, machine: Machine = LAPTOP, **values: Any) -> tuple[Recipe, Fitting]:
    small = replace(machine, memory_free_bytes=int(free))
    recipe = parse(values)
    return recipe, fitted(recipe, lambda one: estimate(known, one, LONG, small, None))


def needs(known: ModelFacts, recipe: Recipe) -> int:
    return estimate(known, recipe, LONG, replace(LAPTOP, memory_free_bytes=0), None).needs


def test_what_fits_is_left_as_it_is(llama: ModelFacts) -> None:
    recipe, found = fit(llama, 1e12)
    assert found.fits
    assert (found.moves, found.recipe, found.model) == ((), recipe, None)


def test_fewer_rows_at_once_come_first_and_a_step_learns_from_as_many_as_before(llama: ModelFacts) -> None:
    start = parse({"batch": {"size": 12, "accumulation": 2}})
    before = needs(llama, start)
    recipe, found = fit(llama, before - 1, batch={"size": 12, "accumulation": 2})
    assert found.fits
    assert [move.key for move in found.moves] == ["forecast.fit_batch"]
    assert found.recipe.batch.size == 8
    assert found.recipe.effective_batch == recipe.effective_batch
    assert found.recipe.model_copy(update={"batch": recipe.batch}) == recipe


def test_the_less_memory_there_is_the_graver_the_changes_in_one_order(llama: ModelFacts) -> None:
    start: dict[str, Any] = {
        "method": "full",
        "batch": {"size": 4},
        "compute": {"gradient_checkpointing": "off"},
        "lora": {"rank": 64, "alpha": 64},
    }
    order = [
        f"forecast.fit_{name}"
        for name in ("checkpointing", "batch", "optimizer", "lora", "four_bits", "shorter", "narrower")
    ]
    seen = set[str]()
    for free in range(130_000, 2_000, -4_000):
        recipe, found = fit(llama, free * MB, **start)
        keys = [move.key for move in found.moves]
        assert keys == sorted(keys, key=order.index)
        if found.fits:
            assert found.forecast.needs <= free * MB
            for number, move in enumerate(found.moves):
                # Without any one of them it would not fit: the changes before a graver one are kept only if needed.
                assert move.forecast.fits == (number == len(found.moves) - 1)
        assert found.recipe.effective_batch == recipe.effective_batch
        seen |= set(keys)
    assert seen >= {"forecast.fit_lora", "forecast.fit_four_bits", "forecast.fit_shorter"}


def test_every_change_that_is_kept_is_needed(llama: ModelFacts) -> None:
    for free in (20_000, 25_000, 28_000, 60_000):
        recipe, found = fit(
            llama, free * MB, method="full", batch={"size": 8}, compute={"gradient_checkpointing": "off"}
        )
        if not found.fits:
            continue
        for left_out in range(len(found.moves)):
            other = recipe.model_dump()
            for number, move in enumerate(found.moves):
                if number != left_out:
                    for change in move.changes:
                        section, _, last = change.name.rpartition(".")
                        (other[section] if section else other)[last] = change.after
            assert needs(llama, parse(other)) > free * MB or left_out == len(found.moves) - 1


def test_where_nothing_is_enough_a_smaller_model_is_named_or_the_best_that_can_be_had() -> None:
    known = facts(SHIPPED_MODELS / "starter")
    machine = replace(LAPTOP, memory_free_bytes=10)
    recipe = parse({})
    tell = estimate(known, recipe, LONG, LAPTOP, None)

    def forecast(one: Recipe) -> Forecast:
        return estimate(known, one, LONG, machine, None)

    found = fitted(recipe, forecast, [("big", forecast(recipe)), ("small", tell), ("smaller", tell)])
    assert (found.fits, found.model, found.moves) == (True, "small", ())
    found = fitted(recipe, forecast)
    assert not found.fits
    assert found.moves
    assert found.forecast.needs < forecast(recipe).needs


@pytest.mark.parametrize(
    "values", [{"lora": {"start": "pissa"}}, {"method": "qlora", "quantisation": {"kind": "int8"}}]
)
def test_settings_that_do_not_go_with_four_bits_are_changed_with_them(
    llama: ModelFacts, values: dict[str, Any]
) -> None:
    _, found = fit(llama, 9_000 * MB, **values)
    assert found.recipe.method == "qlora"
    assert (found.recipe.quantisation.kind, found.recipe.lora.start) == ("nf4", "zero")


def test_every_move_is_said_in_three_languages() -> None:
    for name in ("checkpointing", "batch", "optimizer", "lora", "four_bits", "shorter", "narrower"):
        assert len({sentence(f"forecast.fit_{name}", language) for language in LANGUAGES}) == len(LANGUAGES)


def test_the_facade_fits_the_starter_into_what_is_free_now(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = parse({"batch": {"size": 64}, "compute": {"gradient_checkpointing": "off"}})
    chosen = {"model": "starter", "data": "starter-ro"}
    plain = facade.of(HOME, workspace, recipe, **chosen)
    monkeypatch.setattr(facade, "this_machine", lambda root: replace(LAPTOP, memory_free_bytes=plain.needs - 20 * MB))
    found = facade.make_fit(HOME, workspace, recipe, **chosen)
    assert found.fits
    assert found.moves
    assert found.recipe.effective_batch == 64
    again = facade.make_fit(HOME, workspace, found.recipe, **chosen)
    assert again.moves == ()
