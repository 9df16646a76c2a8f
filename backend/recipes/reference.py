"""Writes docs/recipe-reference.md from the schema: `python -m backend.recipes.reference` (a test sees an old page)."""

from collections.abc import Iterator
from pathlib import Path

from backend.paths import ROOT
from backend.recipes.leaves import Field, leaves
from backend.recipes.schema import Recipe

PAGE = ROOT / "docs" / "recipe-reference.md"
HEAD = """# Recipe reference

Made by `python -m backend.recipes.reference` from `backend/recipes/schema.py`; do not edit.

A recipe is a YAML file. Every setting may be left out and then has its default. Unknown settings are an error.
`--set name=value` changes one setting for one run; the last part of a name is enough where it is clear (`rank=8`).
Beside the settings a recipe may hold `title` and `about` (by language: en, ro, it) and `provenance`: for each value
that is not the default, where it comes from (`paper`, `public card`, `repository`, `third party`, `inferred`, `ours`,
`not published`), a note, and what was `published` where the recipe has something else; and `cards`: by the gigabytes
of a graphics card, the settings to change for it. docs/recipes.md says how to read them.
"""
QUESTIONS = """
Each test question is `{question: ..., expected: ...}`; `expected` may be left out.
"""


def page() -> str:
    return HEAD + "".join(_section(name) for name in _sections()) + QUESTIONS


def _sections() -> list[str]:
    """In the order of the schema, what stands outside of sections first."""
    return sorted(dict.fromkeys(_section_of(field) for field in leaves()), key=bool)


def _section_of(field: Field) -> str:
    return field.name.rpartition(".")[0]


def _section(name: str) -> str:
    title = f"\n## {name}\n" if name else "\n## The whole\n"
    about = (Recipe.model_fields[name].annotation.__doc__ or "") if name else ""
    head = "\n| Setting | Default | Allowed | Level | What it does |\n|---|---|---|---|---|\n"
    rows = "".join(f"| {' | '.join(_row(field))} |\n" for field in leaves() if _section_of(field) == name)
    return f"{title}{head}{rows}" if not about else f"{title}\n{about.strip()}\n{head}{rows}"


def _row(field: Field) -> Iterator[str]:
    yield f"`{field.name}`"
    yield f"`{_written(field.default)}`" if field.default not in (None, ()) else "none"
    yield _allowed(field)
    yield field.level
    when = "; ".join(f"{name} is {' or '.join(values)}" for name, values in field.when.items())
    yield f"{field.label()}. {field.help()}" + (f" Only when {when}." if when else "")


def _allowed(field: Field) -> str:
    if field.choices:
        return ", ".join(f"`{choice}`" for choice in field.choices)
    if field.kind in ("integer", "number"):
        low, high = ("above " if field.low_open else ""), ("below " if field.high_open else "")
        whole = "whole numbers, " if field.kind == "integer" else ""
        return f"{whole}{low}{_written(field.low)} to {high}{_written(field.high)}"
    lists = {
        "questions": "up to 20 questions",
        "words": "words",
        "corpora": "up to 20, as `NAME: WEIGHT; NAME: WEIGHT`",
    }
    return ({"switch": "`true`, `false`"} | lists).get(field.kind, "text")


def _written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.10g}".replace("e-0", "e-") if isinstance(value, float) else str(value)


def write(path: Path = PAGE) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write()
