"""What is wrong with a recipe, as one sentence with the label of the setting and its bounds."""

import difflib
from typing import Any

from pydantic import ValidationError

from backend.errors import RecipeError
from backend.messages import Number, Phrase
from backend.recipes.leaves import Field, by_name

# A range of whole numbers up to this wide is said as a whole; of a wider one, only the end that was missed.
NARROW = 1024
LONGEST_SHOWN = 60


def explain(error: ValidationError) -> RecipeError:
    """The first fault, unknown settings before wrong values: a misspelt name is often why the value is missing."""
    faults = error.errors(include_url=False)
    fault = next((f for f in faults if f["type"] == "extra_forbidden"), faults[0])
    place = [str(part) for part in fault["loc"]]
    if fault["type"] == "extra_forbidden":
        return unknown(place)
    leaf = by_name().get(_setting(place))
    if leaf is None:
        return _wrong_part(place)
    return wrong_value(leaf, fault["type"], fault["input"])


def by_setting(error: ValidationError) -> dict[str, RecipeError]:
    """Every value that is wrong, by the name of its setting."""
    found: dict[str, RecipeError] = {}
    for fault in error.errors(include_url=False):
        name = _setting([str(part) for part in fault["loc"]])
        if name in by_name() and name not in found:
            found[name] = wrong_value(by_name()[name], fault["type"], fault["input"])
    return found


def _setting(place: list[str]) -> str:
    """The name of the setting that is at fault, or whose word or corpus is."""
    if place[0] == "corpora":
        return "corpora"
    name = ".".join(place)
    parent = ".".join(place[:-1])
    return parent if name not in by_name() and place[-1].isdigit() and parent in by_name() else name


def unknown(place: list[str]) -> RecipeError:
    """Suggests a setting of the same section, or the section that does have a setting of this name."""
    *section, name = place
    shown = name[:LONGEST_SHOWN]
    prefix = "".join(f"{part}." for part in section)
    siblings = {n.removeprefix(prefix).split(".")[0] for n in by_name() if n.startswith(prefix)}
    elsewhere = {full.rsplit(".", 1)[-1]: full for full in by_name()}
    close = difflib.get_close_matches(shown, sorted(siblings), n=1)
    far = difflib.get_close_matches(shown, sorted(elsewhere), n=1, cutoff=0.75)
    if close:
        return RecipeError("recipes.unknown_near", name=shown, near=close[0])
    if far:
        return RecipeError("recipes.unknown_near", name=shown, near=elsewhere[far[0]])
    return RecipeError("recipes.unknown", name=shown)


def wrong_value(leaf: Field, fault: str, given: Any) -> RecipeError:
    label = Phrase(leaf.label_key)
    if leaf.kind == "integer" and fault == "int_from_float":
        return RecipeError("recipes.whole_number", label=label)
    if leaf.kind in ("integer", "number"):
        return _outside(leaf, label, given)
    if leaf.kind == "choice":
        return RecipeError("recipes.choice", label=label, choices=", ".join(leaf.choices))
    if leaf.kind == "switch":
        return RecipeError("recipes.switch", label=label)
    if leaf.kind == "words":
        return RecipeError("recipes.words", label=label)
    if leaf.kind == "corpora":
        return RecipeError("recipes.corpora", label=label)
    if leaf.kind == "questions":
        return RecipeError("recipes.questions", label=label)
    return RecipeError("recipes.text", label=label)


def _outside(leaf: Field, label: Phrase, given: Any) -> RecipeError:
    low, high = leaf.low or 0, leaf.high or 0
    values = {"label": label, "low": _shown(low), "high": _shown(high)}
    if leaf.low_open:
        return RecipeError("recipes.above", **values)
    if leaf.high_open:
        return RecipeError("recipes.below", **values)
    if leaf.kind == "number":
        return RecipeError("recipes.between", **values)
    if high - low < NARROW:
        return RecipeError("recipes.range", **values)
    too_high = isinstance(given, int | float) and given > high
    return RecipeError("recipes.at_most" if too_high else "recipes.at_least", **values)


def _shown(bound: float) -> Number:
    """1e-07 -> "1e-7", 1.0 -> "1"."""
    text = f"{bound:.10g}" if isinstance(bound, float) else str(bound)
    return Number(text.replace("e-0", "e-"))


def _wrong_part(place: list[str]) -> RecipeError:
    """A fault that belongs to no setting: a section that is not one, or words of the description."""
    if place[:2] == ["watching", "questions"]:
        return RecipeError("recipes.questions", label=Phrase("recipe_fields.watching.questions"))
    if place[0] == "corpora":
        return RecipeError("recipes.corpora", label=Phrase("recipe_fields.corpora"))
    if place[0] in ("title", "about", "provenance", "cards"):
        return RecipeError(f"recipes.{place[0]}")
    return RecipeError("recipes.section", name=".".join(place)[:LONGEST_SHOWN])
