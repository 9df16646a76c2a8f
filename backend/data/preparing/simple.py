"""A step of a preparation as a form has it: plain fields, made into a plan."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from backend.data.preparing import plan
from backend.data.preparing.plan import Plan
from backend.data.shapes import Shape
from backend.data.tasks.asking import ASKED
from backend.errors import DataError

Kind = Literal["percent", "count", "text", "choice", "other", "yes"]
LANGUAGES = ("", "ro", "it", "en")
MOST_LETTERS = 200


@dataclass(frozen=True)
class Field:
    """`value` is what stands in it at first; `options` are those of a choice, of which "" is any."""

    name: str
    kind: Kind
    value: str = ""
    options: tuple[str, ...] = ()


STEPS: dict[str, tuple[Field, ...]] = {
    "split": (
        Field("dev", "percent", "10"),
        Field("test", "percent", "10"),
        Field("by", "choice", "auto", ("auto", "label", "language", "nothing")),
    ),
    "filter": (
        Field("contains", "text"),
        Field("without", "text"),
        Field("least_characters", "count"),
        Field("most_characters", "count"),
        Field("languages", "choice", "", LANGUAGES),
        Field("parts", "choice", "", ("", "train", "dev", "test")),
    ),
    "mix": (Field("others", "other"), Field("share", "percent", "50"), Field("rows", "count")),
    "clean": (
        Field("language", "choice", "", LANGUAGES),
        Field("least_words", "count", "50"),
        Field("whole_sentences", "yes", "yes"),
        Field("boilerplate", "yes", "yes"),
        Field("repetition", "yes", "yes"),
    ),
    "as_chat": (Field("language", "choice", "ro", LANGUAGES[1:]),),
}


LIKE = Field("like", "other")
"""In place of a step: the data set whose steps are done again, all of them."""


def possible(shape: Shape) -> tuple[str, ...]:
    """The steps that can be done to rows of this shape."""
    without = {"clean"} if shape != "text" else set()
    return tuple(name for name in STEPS if name not in without and (name != "as_chat" or shape in ASKED))


def one_step(name: str, typed: Mapping[str, Any]) -> Plan:
    """DataError for a number that is none, and as `plan.checked`."""
    if name not in STEPS:
        raise DataError("preparing.setting", at="step", value=name[:60])
    values = {one.name: _value(one, str(typed.get(one.name, one.value))[:MOST_LETTERS]) for one in STEPS[name]}
    if name == "mix":
        share = values.pop("share")
        other = {"data": values["others"], "weight": max(share, 1e-9)}
        values |= {"others": [other], "weight": max(1 - share, 1e-9)}
    for listed in ("languages", "parts"):
        if listed in values:
            values[listed] = [values[listed]] if values[listed] else []
    known = {setting: value for setting, value in values.items() if value not in (None, "")}
    return plan.checked({"steps": [{"step": name, **known}]})


def _value(field: Field, typed: str) -> Any:
    if field.kind == "yes":
        return typed == "yes"
    if field.kind not in ("percent", "count"):
        return typed
    if not typed.strip():
        return None if field.kind == "count" else 0.0
    try:
        number = float(typed.replace(",", ".")) / 100 if field.kind == "percent" else int(typed)
    except ValueError as error:
        raise DataError("preparing.number", value=typed[:60]) from error
    if not 0 <= number <= (1 if field.kind == "percent" else 10**9):
        raise DataError("preparing.number", value=typed[:60])
    return number
