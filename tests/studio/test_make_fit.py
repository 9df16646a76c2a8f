"""The button that makes a run fit: what it changes in the form, and what it says."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from backend.forecast import Forecast
from backend.forecast.advice.fitting import Fitting, fitted
from backend.recipes.schema import Recipe
from studio.text import Words
from studio.widgets import train_form
from studio.widgets.make_fit import Handlers
from studio.widgets.recipe_form import shown
from tests.fakes import FakeServices
from tests.studio.test_train_tab import CHOICE

FREE = 21 * 10**9


def needing(services: FakeServices, per_row: int, fixed: int = 10**9) -> Any:
    """A forecast that grows with the rows that go through the model at once."""
    plain = services.forecast(services.recipe_now, "starter", "starter-ro").model_dump()

    def forecast(recipe: Recipe) -> Forecast:
        return Forecast.model_validate({**plain, "needed_bytes": fixed + per_row * recipe.batch.size})

    return forecast


def fit(services: FakeServices, found: Fitting, language: str = "it", **typed: object) -> Any:
    words = Words(language)
    services.make_fit = lambda recipe, model, data: found  # type: ignore[method-assign]
    form = train_form.Handlers(services, words)  # type: ignore[arg-type]
    values = shown(services.recipe_now, services.fields(), words) | typed
    return Handlers(services, words, form.as_typed).fit(**CHOICE, name="one", **values)  # type: ignore[arg-type]


def test_what_was_changed_goes_into_the_form_and_is_said_with_old_and_new(services: FakeServices) -> None:
    recipe = services.recipe_now.model_copy(update={"batch": services.recipe_now.batch.model_copy(update={"size": 32})})
    found = fitted(recipe, needing(services, 10**9))
    done = fit(services, found, batch__size="32")
    assert json.loads(done.change) == {"fields": {"batch__size": "16", "batch__accumulation": "2"}, "model": None}
    assert done.undo["visible"]
    for text in ("<s>32</s>", "<b>16</b>", "17 GB", Words("it").t("fit.changed")):
        assert text in done.said


@pytest.mark.parametrize("language", ["en", "ro", "it"])
def test_another_model_is_chosen_where_no_setting_is_enough(services: FakeServices, language: str) -> None:
    small = needing(services, 0)(services.recipe_now)
    found = fitted(services.recipe_now, needing(services, 0, 10**12), [("starter", small)])
    done = fit(services, found, language)
    assert json.loads(done.change) == {"fields": {}, "model": "starter"}
    assert done.model["value"] == "starter"
    assert "Starter, 2 million" in done.said


def test_where_nothing_is_enough_nothing_is_changed_and_both_numbers_are_said(services: FakeServices) -> None:
    done = fit(services, fitted(services.recipe_now, needing(services, 0, 10**12)))
    assert done.change == ""
    assert not done.undo["visible"]
    assert "1 TB" in done.said.replace("\u00a0", " ").replace(",0", "")
    assert "21 GB" in done.said


def test_a_form_with_a_fault_in_it_is_not_fitted(services: FakeServices) -> None:
    done = fit(services, SimpleNamespace(), batch__size="0")  # type: ignore[arg-type]
    assert done.change == ""
    assert "≥" in done.said or "1" in done.said


def test_the_button_is_there_only_where_it_helps(services: FakeServices) -> None:
    words = Words("ro")
    form = train_form.Handlers(services, words)  # type: ignore[arg-type]
    values = shown(services.recipe_now, services.fields(), words)
    assert not form.review(**CHOICE, name="one", **values).fit["visible"]
    much = needing(services, 0, 10**12)
    services.forecast = lambda recipe, *_: much(recipe)  # type: ignore[method-assign]
    assert form.review(**CHOICE, name="one", **values).fit["visible"]
    assert not form.review(**CHOICE, name="one", **values | {"lora__rank": "x"}).fit["visible"]
