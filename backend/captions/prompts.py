"""What models are asked about pictures, in three languages."""

from functools import cache
from pathlib import Path

import yaml

from backend.data.tasks.asking import sentences

SENTENCE = "sentence"


@cache
def templates(language: str) -> dict[str, str]:
    """By name; the first is what models are trained to answer."""
    found = yaml.safe_load((Path(__file__).parent / "prompts.yaml").read_text("utf-8"))
    return {SENTENCE: sentences(language)["caption"], **{name: said[language] for name, said in found.items()}}
