"""The form that prepares a data set: what each step does, and its fields, in words."""

from collections.abc import Sequence
from typing import Any

from backend.data.datasets import Dataset
from backend.data.preparing.simple import LIKE, STEPS, Field, possible
from studio.text import Words
from studio.views.models.found import spoken


def form(
    dataset: Dataset, others: Sequence[Dataset], prepared: Sequence[Dataset], words: Words
) -> list[dict[str, Any]]:
    """Of the steps that can be done to it; `others` are what could be mixed in, `prepared` those whose steps could be
    done again. None for what ships.
    """
    if dataset.shipped:
        return []
    steps = [
        step(name, [field(one, others, words) for one in STEPS[name]], words)
        for name in possible(dataset.shape)
        if name != "mix" or others
    ]
    return [*steps, step(LIKE.name, [field(LIKE, prepared, words)], words)] if prepared else steps


def step(name: str, fields: list[dict[str, Any]], words: Words) -> dict[str, Any]:
    title, says = words.t(f"data.prepare.{name}"), words.t(f"data.prepare.{name}.says")
    return {"name": name, "title": title, "says": says, "fields": fields}


def field(one: Field, others: Sequence[Dataset], words: Words) -> dict[str, Any]:
    if one.kind == "other":
        options = [{"value": other.id, "title": other.title(words.language)} for other in others]
        value = options[0]["value"]
    else:
        options = [{"value": option, "title": _option(one, option, words)} for option in one.options]
        value = one.value
    return {
        "name": one.name,
        "kind": one.kind,
        "label": words.t(f"data.prepare.field.{one.name}"),
        "value": value,
        "options": options,
    }


def _option(one: Field, option: str, words: Words) -> str:
    if not option:
        return words.t("data.prepare.any")
    if one.name in ("language", "languages"):
        return spoken([option], words)
    return words.t(f"data.prepare.option.{option}")
