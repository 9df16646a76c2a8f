"""Pictures as large as photos, drawn here, with Romanian questions about them and short answers."""

import random
from pathlib import Path

from PIL import Image, ImageDraw

Size = tuple[int, int]
COLOURS = {
    "roșu": (205, 40, 40),
    "verde": (40, 150, 60),
    "albastru": (45, 70, 210),
    "galben": (235, 205, 45),
    "negru": (15, 15, 15),
    "alb": (250, 250, 250),
}
# Each with its article, as it is asked about.
SHAPES = {"cerc": "cercul", "pătrat": "pătratul", "triunghi": "triunghiul"}
SIDES = ("stângă", "dreaptă")
ASKED = (
    ("Ce culoare are {the} din imagine?", "{The} este {colour}."),
    ("Ce formă se vede în imagine?", "În imagine se vede un {shape} {colour}."),
    ("În ce parte a imaginii se află {the}?", "{The} se află în partea {side}."),
    ("Câte forme sunt în imagine?", "În imagine este o singură formă, un {shape}."),
)
QUALITY = 90
# The background is so many times as large as what it is drawn from by chance.
COARSE = 20


def rows(folder: Path, count: int, size: Size) -> list[dict[str, str]]:
    """{"picture": path, "question", "answer"} of `count` pictures of `size` (width, height), each its own JPEG in
    `folder`; always the same ones.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(0)
    return [_row(folder / f"{at}.jpg", at, size, chance) for at in range(count)]


def _row(path: Path, at: int, size: Size, chance: random.Random) -> dict[str, str]:
    shape, colour, side = chance.choice([*SHAPES]), chance.choice([*COLOURS]), chance.choice(SIDES)
    _drawn(shape, colour, side, size, chance).save(path, quality=QUALITY)
    the = SHAPES[shape]
    told = {"shape": shape, "the": the, "The": the.capitalize(), "colour": colour, "side": side}
    question, answer = (text.format(**told) for text in ASKED[at % len(ASKED)])
    return {"picture": str(path), "question": question, "answer": answer}


def _drawn(shape: str, colour: str, side: str, size: Size, chance: random.Random) -> Image.Image:
    """A shape in one half of a blurred background."""
    width, height = size
    small = (max(2, width // COARSE), max(2, height // COARSE))
    blurred = Image.frombytes("RGB", small, chance.randbytes(3 * small[0] * small[1]))
    picture = blurred.resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    radius = min(width // 5, height // 3)
    x, y = width * (1 if side == SIDES[0] else 3) // 4, height // 2
    box = (x - radius, y - radius, x + radius, y + radius)
    if shape == "cerc":
        draw.ellipse(box, fill=COLOURS[colour])
    elif shape == "pătrat":
        draw.rectangle(box, fill=COLOURS[colour])
    else:
        draw.polygon([(x, box[1]), (box[0], box[3]), (box[2], box[3])], fill=COLOURS[colour])
    return picture
