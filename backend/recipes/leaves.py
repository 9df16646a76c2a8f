"""The settings of a recipe one by one, for forms, bounds, comparisons and the reference page."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from backend.messages import sentence
from backend.recipes.parts.adapting import Token
from backend.recipes.schema import Corpus, Recipe

Kind = Literal["integer", "number", "choice", "switch", "text", "words", "questions", "corpora"]
# What a recipe says about itself; no setting of the training.
DESCRIPTION = frozenset({"title", "about", "provenance", "cards"})


@dataclass(frozen=True)
class Field:
    """One setting. `low` and `high` are None where there is no bound; a bound that is `_open` is itself not allowed.

    `when` names the settings, and their values, under which this one has an effect; empty means always.
    """

    name: str
    kind: Kind
    annotation: Any
    default: Any
    level: Literal["basic", "advanced"]
    when: dict[str, list[str]]
    choices: tuple[str, ...] = ()
    optional: bool = False
    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False

    @property
    def label_key(self) -> str:
        return f"recipe_fields.{self.name}"

    @property
    def help_key(self) -> str:
        return f"recipe_fields.{self.name}.help"

    @property
    def hint_key(self) -> str:
        return f"recipe_hints.{self.name}"

    def hint(self, language: str = "en") -> str:
        """What stands under the field: a few words."""
        return sentence(self.hint_key, language)

    def label(self, language: str = "en") -> str:
        return sentence(self.label_key, language)

    def help(self, language: str = "en") -> str:
        return sentence(self.help_key, language)


@cache
def leaves() -> tuple[Field, ...]:
    """Every setting of the training, in the order of the schema."""
    return tuple(leaf for leaf in _walk(Recipe, "") if leaf.name.split(".")[0] not in DESCRIPTION)


@cache
def by_name() -> dict[str, Field]:
    return {leaf.name: leaf for leaf in leaves()}


def value(recipe: Recipe, name: str) -> Any:
    """The value of a setting by its dotted name; AttributeError when there is no such setting."""
    found: Any = recipe
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _walk(model: type[BaseModel], prefix: str) -> Iterator[Field]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _walk(kind, f"{prefix}{name}.")
        else:
            yield _leaf(f"{prefix}{name}", field)


def _leaf(name: str, field: FieldInfo) -> Field:
    arguments = get_args(field.annotation)
    optional = NoneType in arguments
    annotation = next(a for a in arguments if a is not NoneType) if optional else field.annotation
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    when: Any = extra.get("when") or {}
    return Field(
        name=name,
        kind=_kind(annotation),
        annotation=field.annotation,
        default=field.get_default(call_default_factory=True, validated_data={}),
        level="basic" if extra.get("level") == "basic" else "advanced",
        when=dict(when),
        choices=get_args(annotation) if get_origin(annotation) is Literal else (),
        optional=optional,
        **_bounds(field),
    )


def _kind(annotation: Any) -> Kind:
    if get_origin(annotation) is Literal:
        return "choice"
    kinds: dict[Any, Kind] = {bool: "switch", int: "integer", float: "number", str: "text", tuple[Token, ...]: "words"}
    kinds[tuple[Corpus, ...]] = "corpora"
    return kinds.get(annotation, "questions")


def _bounds(field: FieldInfo) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for bound in field.metadata:
        if isinstance(bound, annotated_types.Ge):
            found["low"] = bound.ge
        if isinstance(bound, annotated_types.Gt):
            found |= {"low": bound.gt, "low_open": True}
        if isinstance(bound, annotated_types.Le):
            found["high"] = bound.le
        if isinstance(bound, annotated_types.Lt):
            found |= {"high": bound.lt, "high_open": True}
    return found
