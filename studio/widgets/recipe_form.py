"""A form made from the recipe schema: one field in the schema is one field on the screen.

Numbers are typed into text fields, because a number field of the browser refuses the decimal comma or the decimal
point depending on the browser's language, not the page's. The backend reads both. What stands under a field (a few
words, a paragraph, what is wrong with it) is put there by assets/form.js.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradio.components import Component

from backend.recipes import corpora
from backend.recipes.leaves import Field, value
from backend.recipes.schema import Recipe
from studio.framework import gr
from studio.text import Words

SEPARATOR = "__"
# Advanced fields by the beginning of their name, the longest that fits; what is new and fits nowhere is in the last.
GROUPS = {
    "length": ("batch.", "schedule.max_steps", "compute."),
    "adapter": ("lora.", "vision.", "quantisation."),
    "learning": ("schedule.", "compute.seed"),
    "memory": ("replay.", "watching.check"),
    "watching": ("watching.",),
}
LAST = "watching"
LONGEST_LIST = 6000
"""Letters of a hundred words, or of twenty names and weights."""
# Settings that name a data set: they are chosen from a list. No name at all means none.
SETS = frozenset({"replay.data", "watching.check"})
Choices = Sequence[tuple[str, str]]


def flat(name: str) -> str:
    """`lora.rank` as a name that a Python function can take."""
    return name.replace(".", SEPARATOR)


def dotted(name: str) -> str:
    return name.replace(SEPARATOR, ".")


def group_of(field: Field) -> str:
    starts = [(len(start), group) for group, known in GROUPS.items() for start in known if field.name.startswith(start)]
    return max(starts)[1] if starts else LAST


@dataclass(frozen=True)
class RecipeForm:
    """`inputs` by flat name, in the order of the schema; `fields` describes them; `panels` are the folded groups."""

    inputs: dict[str, Component]
    fields: dict[str, Field]
    panels: dict[str, gr.Button]

    @classmethod
    def create(
        cls, fields: Sequence[Field], recipe: Recipe, words: Words, choices: Mapping[str, Choices]
    ) -> "RecipeForm":
        """The basic fields in rows, the others in groups that are folded away. `choices` of the fields in `SETS`."""
        values = shown(recipe, fields, words)
        made: dict[str, Component] = {}
        with gr.Row(elem_classes="fields grid", elem_id="basic"):
            made |= {flat(one.name): component(one, values, words, choices) for one in fields if one.level == "basic"}
        advanced = [one for one in fields if one.level == "advanced"]
        groups = {group: [one for one in advanced if group_of(one) == group] for group in GROUPS}
        panels = {}
        with gr.Row(elem_classes="unfold"):
            for group in groups:
                panels[group] = opener(group, words)
        for group, members in groups.items():
            with gr.Column(elem_classes="fold", elem_id=f"panel-{group}"), gr.Row(elem_classes="fields grid"):
                made |= {flat(one.name): component(one, values, words, choices) for one in members}
        by_name = {flat(field.name): field for field in fields}
        return cls({name: made[name] for name in by_name}, by_name, panels)

    def parts(self, most: int) -> list[list[str]]:
        """Flat names in pieces, because no event changes more than so many things."""
        names = list(self.inputs)
        return [names[start : start + most] for start in range(0, len(names), most)]


def without_effect(fields: Sequence[Field], values: Mapping[str, Any]) -> list[str]:
    """Flat names of the fields that change nothing under these values of others."""
    return [
        flat(field.name)
        for field in fields
        if not all(values.get(flat(other)) in allowed for other, allowed in field.when.items())
    ]


def opener(panel: str, words: Words) -> gr.Button:
    """Opens and closes the panel of this name."""
    return gr.Button(words.t(f"train.panel.{panel}"), size="sm", elem_classes="opener", elem_id=f"open-{panel}")


def name_field(label: str, elem_id: str, placeholder: str | None = None) -> gr.Textbox:
    """For a name that a person makes up: much longer than a name may be, so that a long one is refused in words."""
    return gr.Textbox(label=label, placeholder=placeholder, max_lines=1, max_length=400, elem_id=elem_id)


def component(
    field: Field, values: Mapping[str, Any], words: Words, choices: Mapping[str, Choices] | None = None
) -> Component:
    common: dict[str, Any] = {
        "label": field.label(words.language),
        "value": values[flat(field.name)],
        "min_width": 120,
        "elem_id": f"field-{flat(field.name)}",
        "elem_classes": "setting",
    }
    if field.name in SETS:
        # What a recipe names may be gone: it stays in the field, and what is wrong is said under it.
        return gr.Dropdown(list((choices or {}).get(field.name, ())), allow_custom_value=True, **common)
    if field.kind == "choice":
        return gr.Dropdown([(words.t(f"choice.{choice}"), choice) for choice in field.choices], **common)
    if field.kind == "switch":
        return gr.Checkbox(**common)
    return gr.Textbox(max_lines=1, max_length=LONGEST_LIST if field.kind in ("words", "corpora") else 200, **common)


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
    if isinstance(setting, tuple):
        return corpora.line(setting)
    return words.plain_number(setting) if isinstance(setting, float) else str(setting)


def plain(setting: object) -> str:
    """A value as the command line takes it, in no language."""
    if setting is None:
        return "none"
    if isinstance(setting, bool):
        return str(setting).lower()
    if isinstance(setting, tuple):
        return corpora.line(setting)
    return f"{setting:.10g}" if isinstance(setting, float) else str(setting)


def changes(values: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, str]:
    """What is written otherwise than before, as `{dotted name: text}`; it may mean the same."""
    return {dotted(name): "" if now is None else str(now) for name, now in values.items() if now != before[name]}
