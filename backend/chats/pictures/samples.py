"""Sample pictures that ship with the studio, each with questions and their right answers in every language."""

from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from backend.errors import AccessError
from backend.paths import SAMPLE_PICTURES


class Question(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    question: str
    answer: str


class Sample(BaseModel):
    """`questions` by language."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    file: str
    questions: dict[str, tuple[Question, ...]]


@cache
def shipped() -> tuple[Sample, ...]:
    text = (SAMPLE_PICTURES / "samples.yaml").read_text(encoding="utf-8")
    return tuple(Sample(**one) for one in yaml.safe_load(text))


def path(name: str) -> Path:
    """AccessError when no sample has this name."""
    if name not in {one.file for one in shipped()}:
        raise AccessError("chat.picture_gone")
    return SAMPLE_PICTURES / name
