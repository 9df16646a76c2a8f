"""Recipes from values that people type, and how two recipes differ."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from backend.errors import RecipeError
from backend.recipes import corpora as written_corpora
from backend.recipes import faults
from backend.recipes.leaves import Field, by_name, leaves, value
from backend.recipes.provenance import Provenance
from backend.recipes.schema import Recipe

DECIMAL_COMMA = re.compile(r"^\s*[-+]?\d*,\d+(?:[eE][-+]?\d+)?\s*$")
# Thousands set apart, as people write them in some language: 10,000 and 10.000 and 10 000. One comma or point before
# three digits is read so only where a whole number is wanted: there it can mean nothing else.
GROUPED = re.compile(r"^\s*[-+]?\d{1,3}(?:([.,' \u00a0\u202f])\d{3})(?:\1\d{3})*\s*$")
NOT_A_DIGIT = re.compile(r"[.,' \u00a0\u202f]")
# Where a fault that lies between two settings is best put right.
BETWEEN = {
    "recipes.replay_without_data": "replay.data",
    "recipes.replay_of_text": "replay.share",
    "recipes.corpora_not_text": "corpora",
    "recipes.corpora_twice": "corpora",
    "recipes.nothing_to_measure": "watching.eval_share",
    "recipes.pissa_quantised": "lora.start",
    "recipes.pissa_dora": "lora.start",
    "recipes.dora_int8": "lora.dora",
    "recipes.devices_batch": "compute.devices",
    "recipes.devices_preference": "compute.devices",
    "recipes.fsdp2_quantised": "compute.sharding",
    "recipes.fsdp2_optimizer": "compute.sharding",
    "recipes.fsdp2_start": "compute.sharding",
    "recipes.fsdp2_tokens": "compute.sharding",
}
# Lists that are typed in one line.
LISTS: dict[str, Callable[[str], Any]] = {
    "words": lambda text: tuple(dict.fromkeys(text.split())),
    "corpora": written_corpora.read,
}
NOTHING = frozenset({"", "none", "null", "~", "-"})


@dataclass(frozen=True)
class Change:
    """One setting that two recipes have differently."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Checked:
    """A recipe with other values; None while a value is wrong. `faults` says of each wrong setting what is wrong."""

    recipe: Recipe | None
    faults: dict[str, RecipeError]


def parse(values: Mapping[str, Any]) -> Recipe:
    """A recipe from nested plain values; RecipeError is one sentence about the first fault."""
    try:
        recipe = Recipe.model_validate(_readable(dict(values), ""))
    except ValidationError as error:
        raise faults.explain(error) from error
    sections = {name.partition(".")[0] for name in by_name()}
    for name in recipe.provenance:
        if name not in by_name() and name not in sections:
            raise faults.unknown(name.split("."))
    return recipe


def with_changes(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """The recipe with other values under names like `lora.rank` or `lora__rank`; `rank` will do where it is clear.

    Provenance of a changed value is dropped: it is the person's own now.
    """
    nested: dict[str, Any] = recipe.model_dump()
    changed = {_full_name(name): given for name, given in changes.items()}
    for name, given in changed.items():
        *section, last = name.split(".")
        here = nested
        for depth, part in enumerate(section, start=1):
            if not isinstance(here.get(part), dict):
                raise faults.unknown([name] if part in here else section[:depth])
            here = here[part]
        here[last] = given
    made = parse(nested)
    others = {change.name for change in compare(recipe, made)}
    kept = {name: known for name, known in made.provenance.items() if name not in others}
    # What stands for a whole section is still true of the others in it.
    sections = kept.keys() - by_name().keys()
    own = {name: Provenance(source="ours") for name in others if name.partition(".")[0] in sections}
    return made.model_copy(update={"provenance": kept | own})


def checked(recipe: Recipe, changes: Mapping[str, Any]) -> Checked:
    """As `with_changes`, for a form: every fault at once. One that belongs to no setting stands under ""."""
    try:
        return Checked(with_changes(recipe, changes), {})
    except RecipeError as error:
        found = faults.by_setting(error.__cause__) if isinstance(error.__cause__, ValidationError) else {}
        return Checked(None, found or {BETWEEN.get(error.key, ""): error})


def compare(before: Recipe, after: Recipe) -> list[Change]:
    """The settings that differ, in the order of the schema."""
    pairs = ((leaf.name, value(before, leaf.name), value(after, leaf.name)) for leaf in leaves())
    return [Change(*pair) for pair in pairs if pair[1] != pair[2]]


def _full_name(name: str) -> str:
    dotted = name.strip().replace("__", ".")
    if "." in dotted or dotted in by_name():
        return dotted
    known = [full for full in by_name() if full.rsplit(".", 1)[-1] == dotted]
    return known[0] if len(known) == 1 else dotted


def _readable(values: dict[str, Any], prefix: str) -> dict[str, Any]:
    """The same values, with text that means a number, or nothing at all, replaced by what it means."""
    found = {}
    for name, given in values.items():
        leaf = by_name().get(f"{prefix}{name}")
        if isinstance(given, dict) and leaf is None:
            found[name] = _readable(given, f"{prefix}{name}.")
        else:
            found[name] = _meant(leaf, given) if leaf else given
    return found


def _meant(leaf: Field, given: Any) -> Any:
    if leaf.optional and isinstance(given, str) and given.strip().casefold() in NOTHING:
        return None
    if leaf.kind in LISTS and isinstance(given, str):
        return LISTS[leaf.kind](given)
    if leaf.kind not in ("integer", "number"):
        return given
    if isinstance(given, bool):
        raise faults.wrong_value(leaf, "bool", given)
    if not isinstance(given, str):
        return given
    if leaf.kind == "integer" and GROUPED.match(given):
        return int(NOT_A_DIGIT.sub("", given))
    text = given.replace(",", ".") if DECIMAL_COMMA.match(given) else given
    try:
        number = float(text)
    except ValueError:
        return given
    return int(number) if leaf.kind == "integer" and number.is_integer() else number
