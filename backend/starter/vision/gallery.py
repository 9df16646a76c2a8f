"""Draws the sample pictures that ship: `python -m backend.starter.vision.gallery`, always the same ones."""

import random
from typing import Any

import yaml

from backend.messages import LANGUAGES
from backend.paths import SAMPLE_PICTURES
from backend.starter.vision.scenes import SEEN, Scene, picture, scene
from backend.starter.vision.sentences import ask

COUNT, SEED = 8, 2024
KINDS = ("colour", "shape", "count", "position", "existence", "caption")


def main() -> None:
    chance = random.Random(SEED)
    SAMPLE_PICTURES.mkdir(parents=True, exist_ok=True)
    told = []
    for number in range(1, COUNT + 1):
        things = scene(chance, SEEN)
        name = f"shapes-{number}.png"
        picture(things, chance).save(SAMPLE_PICTURES / name, optimize=True)
        told.append({"file": name, "questions": {one: _questions(things, one, chance) for one in LANGUAGES}})
    text = yaml.safe_dump(told, allow_unicode=True, sort_keys=False, width=120)
    (SAMPLE_PICTURES / "samples.yaml").write_text(text, encoding="utf-8")


def _questions(things: Scene, language: str, chance: random.Random) -> list[dict[str, Any]]:
    found = (ask(things, kind, language, chance) for kind in KINDS)
    return [{"question": one.question, "answer": one.answer} for one in found if one]


if __name__ == "__main__":
    main()
