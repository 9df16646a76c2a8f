"""A form made from the recipe schema: one field in the schema is one field on the screen.

Numbers are typed into text fields, because a number field of the browser refuses the decimal comma or the decimal
point depending on the browser's language, not the page's. The backend reads both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradio.components import Component

from backend.recipes.leaves import Field, value
from backend.recipes.schema import Recipe
from studio.framework import gr
from studio.text import Words

SEPARATOR = "__"


def flat(name: str) -> str:
    """`lora.rank` as a name that a Python function can take."""
    return name.replace(".", SEPARATOR)


def dotted(name: str) -> str:
    return name.replace(SEPARATOR, ".")


@dataclass(frozen=True)
class RecipeForm:
    """`inputs` by flat name, in the order of the schema; `fields` describes them."""

    inputs: dict[str, Component]
    fields: dict[str, Field]

    @classmethod
    def create(cls, fields: Sequence[Field], recipe: Recipe, words: Words) -> "RecipeForm":
        """The basic fields in rows, the others folded away."""
        values = shown(recipe, fields, words)
        made: dict[str, Component] = {}
        with gr.Row(elem_classes="fields three"):
            made |= {flat(one.name): component(one, values, words) for one in fields if one.level == "basic"}
        advanced = [one for one in fields if one.level == "advanced"]
        folded = gr.Accordion(words.t("train.advanced"), open=False, elem_classes="folded")
        with folded, gr.Row(elem_classes="fields two"):
            made |= {flat(one.name): component(one, values, words) for one in advanced}
        by_name = {flat(field.name): field for field in fields}
        return cls({name: made[name] for name in by_name}, by_name)

    def sections(self) -> dict[str, list[str]]:
        """Flat names by part of the recipe; filling in goes part by part."""
        found: dict[str, list[str]] = {}
        for name, field in self.fields.items():
            found.setdefault(field.name.rpartition(".")[0], []).append(name)
        return found

    def conditional(self) -> list[str]:
        """The fields that have an effect only under certain values of others."""
        return [name for name, field in self.fields.items() if field.when]


def component(field: Field, values: Mapping[str, Any], words: Words) -> Component:
    common: dict[str, Any] = {
        "label": field.label(words.language),
        "info": field.help(words.language) if field.level == "advanced" else None,
        "value": values[flat(field.name)],
        "min_width": 120,
    }
    if field.kind == "choice":
        return gr.Dropdown([(words.t(f"choice.{choice}"), choice) for choice in field.choices], **common)
    if field.kind == "switch":
        return gr.Checkbox(**common)
    return gr.Textbox(max_lines=1, **common)


def shown(recipe: Recipe, fields: Sequence[Field], words: Words) -> dict[str, Any]:
    """What each field of the form holds for this recipe, by flat name: text as the language writes it, or a choice."""
    return {
        flat(field.name): value(recipe, field.name)
        if field.kind in ("choice", "switch")
        else written(value(recipe, field.name), words)
        for field in fields
    }


def written(setting: object, words: Words) -> str:
    if setting is None:
        return ""
    if isinstance(setting, float):
        plain = f"{setting:.10f}".rstrip("0").rstrip(".")
        return plain if words.language == "en" else plain.replace(".", ",")
    return str(setting)


def changes(values: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, str]:
    """What the person changed, as `{dotted name: text}`."""
    return {dotted(name): str(now) for name, now in values.items() if now != before[name]}
