"""System prompts that ship with the studio, each with questions to begin with, by language."""

from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

FILE = Path(__file__).with_name("presets.yaml")


class Preset(BaseModel):
    """`system` and `questions` are in `language`; `title` is in every language of the page."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    language: str
    title: dict[str, str]
    system: str
    questions: tuple[str, ...]


@cache
def shipped() -> tuple[Preset, ...]:
    return tuple(Preset(**one) for one in yaml.safe_load(FILE.read_text(encoding="utf-8")))


def find(preset_id: str) -> Preset | None:
    return next((preset for preset in shipped() if preset.id == preset_id), None)
