"""The shipped pictures and what is said of them: `python -m backend.starter.vision.samples` draws and writes them."""

import hashlib
import io
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.paths import SAMPLE_DATA
from backend.starter.chats import lines
from backend.starter.hurry import in_a_hurry
from backend.starter.vision.scenes import TRAINED, picture, scene
from backend.starter.vision.sentences import KINDS, Asked, ask

Row = dict[str, Any]

FOLDER = "scenes"
HURRIED = 0.1  # share of questions typed without care for capitals, marks and accents
TOGETHER = 0.15  # share of the questions that follow another one about the same picture


@dataclass(frozen=True)
class Sample:
    """`pictures` scenes from the chance of `seed`; of each one question of each kind, and of some `kinds` one more."""

    seed: int
    pictures: int
    languages: tuple[str, ...]
    kinds: tuple[str, ...] = (*KINDS, "colour", "place", "position", "existence")


# Drawn from other chances than the scenes of dev, of test and of a model's own training.
SAMPLES = {
    "scenes-ro": Sample(70_001, 900, ("ro",)),
    "scenes-en-it": Sample(70_002, 300, ("en", "it")),
    "scenes-look": Sample(70_003, 8, ("en", "it", "ro"), KINDS),
}


def write(folder: Path) -> None:
    """Draw all pictures below `folder`, and write the rows beside them."""
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    for name, sample in SAMPLES.items():
        made = list(rows(sample))
        for raw, _ in made:
            (folder / name_of(raw)).write_bytes(raw)
        (folder / f"{name}.jsonl").write_text("".join(lines(row for _, row in made)), "utf-8")


def rows(sample: Sample) -> Iterator[tuple[bytes, Row]]:
    """Conversations about pictures, each with the bytes of its picture, shuffled."""
    chance = random.Random(sample.seed)
    found = []
    for _ in range(sample.pictures):
        things = scene(chance, TRAINED)
        raw = _png(things, chance)
        for language in sample.languages:
            asked = (ask(things, kind, language, chance) for kind in sample.kinds)
            # Nothing is asked twice of a picture.
            once = {one.question: one for one in asked if one}
            found += [(raw, _row(raw, one)) for one in _together(list(once.values()), chance)]
    chance.shuffle(found)
    return iter(found)


def name_of(raw: bytes) -> str:
    """Where a picture lies, as in every stored data set."""
    return f"pictures/{hashlib.sha256(raw).hexdigest()}.png"


def _png(things: Any, chance: random.Random) -> bytes:
    drawn = io.BytesIO()
    picture(things, chance).save(drawn, "PNG", optimize=True)
    return drawn.getvalue()


def _together(asked: Sequence[Asked], chance: random.Random) -> Iterator[list[Asked]]:
    """The questions in a new order, mostly alone; a caption says too much to come first."""
    left = [_hurried(one, chance) for one in chance.sample(asked, len(asked))]
    while left:
        first = left.pop()
        follows = left and first.kind != "caption" and chance.random() < TOGETHER
        yield [first, left.pop()] if follows else [first]


def _hurried(asked: Asked, chance: random.Random) -> Asked:
    if chance.random() >= HURRIED:
        return asked
    return Asked(asked.kind, asked.language, in_a_hurry(asked.question, chance), asked.answer)


def _row(raw: bytes, asked: Sequence[Asked]) -> Row:
    messages: list[Row] = []
    for number, one in enumerate(asked):
        said: Any = one.question
        if number == 0:
            said = [{"type": "image", "image": name_of(raw)}, {"type": "text", "text": one.question}]
        messages += [{"role": "user", "content": said}, {"role": "assistant", "content": one.answer}]
    return {"messages": messages}


if __name__ == "__main__":
    write(SAMPLE_DATA / FOLDER)
