"""Every field of the Train form with what people type wrongly; the schema lists the fields, so new ones are here too.

What is wrong is said at its field, in the page's language and about that field; the browser keeps what was typed.
"""

import json
from typing import Any

import pytest

from backend.forecast import Forecast
from backend.recipes.leaves import Field, value
from studio.services.recipes import asked
from studio.text import Words
from studio.widgets.recipe_form import SETS, flat, shown
from studio.widgets.train_form import Handlers
from tests.fakes import FakeServices
from tests.studio.test_train_tab import CHOICE

FIELDS = asked()
NUMBERS = [field for field in FIELDS if field.kind in ("integer", "number")]
NEVER_NUMBERS = ["abc", "inf", "-inf", "nan", "1e400", "1e3e", "0x10", "--help", "$(id)", "<script>1</script>", "{0}",
                 "%s", "1\0", "1\u202e", "a/b", "1;2", "1,2,3", "5 000 0", "x" * 200]  # fmt: skip
LANGUAGES = ("en", "ro", "it")


def review(services: FakeServices, language: str, **typed: object) -> dict[str, Any]:
    """What the page is told about the form with these values typed."""
    words = Words(language)
    services.jobs.clear()
    handlers = Handlers(services, words)  # type: ignore[arg-type]
    values = shown(services.recipe_now, services.fields(), words) | typed
    found: dict[str, Any] = json.loads(handlers.review(**CHOICE, name="one", **values).state)
    started = handlers.start(**CHOICE, name="one", **values)
    assert bool(started.run) == (not found["faults"])
    return found


@pytest.mark.parametrize("field", NUMBERS, ids=lambda field: field.name)
def test_what_is_no_number_is_said_at_its_field(services: FakeServices, field: Field) -> None:
    for text in NEVER_NUMBERS:
        faults = review(services, "en", **{flat(field.name): text})["faults"]
        assert list(faults) == [flat(field.name)], text
        assert field.label("en") in faults[flat(field.name)]


@pytest.mark.parametrize("field", NUMBERS, ids=lambda field: field.name)
def test_what_is_out_of_bounds_is_said_with_the_bounds_in_the_pages_figures(
    services: FakeServices, field: Field
) -> None:
    assert field.low is not None
    assert field.high is not None
    beyond = [-1, field.low - 1, field.high + 1, 10**15, *([field.low] if field.low_open else [])]
    for number in beyond:
        for language in LANGUAGES:
            faults = review(services, language, **{flat(field.name): Words(language).plain_number(number)})["faults"]
            assert list(faults) == [flat(field.name)], number
            assert field.label(language) in faults[flat(field.name)]
            bounds = faults[flat(field.name)].replace(field.label(language), "").removesuffix(".")
            assert language == "en" or "." not in bounds


@pytest.mark.parametrize("field", NUMBERS, ids=lambda field: field.name)
def test_an_empty_field_means_nothing_only_where_nothing_is_allowed(services: FakeServices, field: Field) -> None:
    for text in ("", "   ", "none"):
        faults = review(services, "en", **{flat(field.name): text})["faults"]
        assert list(faults) == ([] if field.optional else [flat(field.name)]), text


@pytest.mark.parametrize("field", [one for one in NUMBERS if one.kind == "number"], ids=lambda field: field.name)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_decimal_comma_and_a_decimal_point_mean_the_same_everywhere(
    services: FakeServices, field: Field, language: str
) -> None:
    low, high = field.low or 0, field.high or 1
    wanted = low + min(high - low, 1) / 4
    written = Words(language).plain_number(wanted)
    assert ("," in written) == (language != "en")
    handlers = Handlers(services, Words(language))  # type: ignore[arg-type]
    before = shown(services.recipe_now, services.fields(), Words(language)) | {"replay__data": "Romanian chats"}
    for text in (written, written.replace(",", "."), written.replace(".", ","), f" {written} "):
        recipe = handlers.as_typed("starter-lora", before | {flat(field.name): text})
        assert value(recipe, field.name) == pytest.approx(wanted, abs=1e-10), text


@pytest.mark.parametrize("field", [one for one in NUMBERS if one.kind == "integer"], ids=lambda field: field.name)
def test_whole_numbers_are_whole_however_their_thousands_are_set_apart(services: FakeServices, field: Field) -> None:
    handlers = Handlers(services, Words("ro"))  # type: ignore[arg-type]
    before = shown(services.recipe_now, services.fields(), Words("ro"))
    assert list(review(services, "ro", **{flat(field.name): "1,5"})["faults"]) == [flat(field.name)]
    if (field.high or 0) >= 1000:
        for text in ("1000", "1.000", "1,000", "1 000", "1\u00a0000", "1e3", "1000,0"):
            recipe = handlers.as_typed("starter-lora", before | {flat(field.name): text})
            assert value(recipe, field.name) == 1000, text


@pytest.mark.parametrize("field", [one for one in FIELDS if one.kind == "choice"], ids=lambda field: field.name)
def test_a_choice_that_is_none_of_the_choices_is_said_at_its_field(services: FakeServices, field: Field) -> None:
    for text in ("", None, "gone", "<img src=x onerror=alert(1)>"):
        faults = review(services, "it", **{flat(field.name): text})["faults"]
        assert list(faults) == [flat(field.name)], text
        assert field.label("it") in faults[flat(field.name)]


@pytest.mark.parametrize("field", [one for one in FIELDS if one.kind == "switch"], ids=lambda field: field.name)
def test_a_switch_is_on_or_off(services: FakeServices, field: Field) -> None:
    for on in (True, False):
        assert review(services, "ro", **{flat(field.name): on})["faults"] == {}
    assert list(review(services, "ro", **{flat(field.name): "perhaps"})["faults"]) == [flat(field.name)]


@pytest.mark.parametrize(
    "text", ["gone", "gone: 0", "gone: -1", "gone: much", ": 2", "a: 1; a: 2", "x; " * 30, "<script>"]
)
def test_texts_that_cannot_be_mixed_are_said_at_their_field(services: FakeServices, text: str) -> None:
    assert "corpora" in review(services, "ro", objective="text", corpora=text)["faults"]
    assert "corpora" in review(services, "ro", corpora=text)["faults"]


@pytest.mark.parametrize("name", sorted(SETS))
@pytest.mark.parametrize("text", ["gone", "../../etc", "/etc/passwd", "http://127.0.0.1/x", "<script>", "x" * 300])
def test_a_set_that_is_not_there_is_said_at_its_field(services: FakeServices, name: str, text: str) -> None:
    needed = {"replay__share": "0,5"} if name == "replay.data" else {}
    assert list(review(services, "ro", **{flat(name): text}, **needed)["faults"]) == [flat(name)]


@pytest.mark.parametrize("field", [one for one in FIELDS if one.kind == "words"], ids=lambda field: field.name)
def test_words_that_cannot_be_tokens_are_said_at_their_field(services: FakeServices, field: Field) -> None:
    for text in ("x" * 51, "a\u202eb", " ".join(f"w{at}" for at in range(101))):
        assert list(review(services, "it", **{flat(field.name): text})["faults"]) == [flat(field.name)], text
    for text in ("", "  ", "<a> țară"):
        assert not review(services, "it", **{flat(field.name): text})["faults"], text


def test_every_field_of_the_form_is_of_a_kind_that_is_tested_here() -> None:
    kinds = {"integer", "number", "choice", "switch", "words", "corpora"}
    assert [field.name for field in FIELDS if field.kind not in kinds and field.name not in SETS] == []


def test_a_run_that_does_not_fit_is_said_at_what_helps_most(services: FakeServices) -> None:
    forecast = services.forecast(services.recipe_now, "starter", "starter-ro")
    for advice, at in (("forecast.advice_batch", "batch__size"), ("forecast.advice_model", "model")):
        services.forecast = lambda *_, said=advice: Forecast.model_validate(  # type: ignore[method-assign]
            forecast.model_dump() | {"needed_bytes": 41 * 10**11, "total_bytes": 41 * 10**11, "advice": said}
        )
        words = Words("ro")
        form = Handlers(services, words)  # type: ignore[arg-type]
        found = form.review(**CHOICE, name="one", **shown(services.recipe_now, services.fields(), words))
        faults = json.loads(found.state)["faults"]
        assert list(faults) == [at]
        assert "4,1 TB" in faults[at]
        assert "24 GB" in faults[at]
        assert found.start["interactive"] is False
        assert "Nu încape" in found.card
