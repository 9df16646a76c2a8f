"""Pictures of one to four coloured shapes on a grid of three by three, drawn with Pillow, and what is on them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

SIDE = 96  # pixels
GRID = 3
CELLS = GRID * GRID
MOST = 4  # shapes on a picture
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (220, 30, 30),
    "green": (30, 170, 50),
    "blue": (40, 70, 220),
    "yellow": (240, 220, 30),
    "black": (15, 15, 15),
    "orange": (245, 140, 20),
    "pink": (250, 140, 190),
    "brown": (120, 70, 30),
}
FORMS = ("circle", "square", "triangle", "cross")
# Never on a picture that is trained on: can what was learned of colours and of forms be put together anew?
UNSEEN_PAIRS = frozenset({("pink", "circle"), ("green", "cross"), ("black", "triangle"), ("orange", "square")})
SHADE, BACKGROUND = 12, (195, 255)  # how far a colour strays; how light the paper is


@dataclass(frozen=True, order=True)
class Thing:
    """A coloured shape in one cell; `row` and `column` count from 0 at the top left."""

    row: int
    column: int
    colour: str
    form: str

    @property
    def pair(self) -> tuple[str, str]:
        return self.colour, self.form


Scene = tuple[Thing, ...]  # in reading order


@dataclass(frozen=True)
class Kind:
    """How scenes are drawn by chance. `single`: share with one thing; `alike`: share of the others whose things have
    only two colours and two forms, so that neither names a thing by itself, and mostly stand in one row."""

    single: float = 0.3
    alike: float = 0.0
    pairs: frozenset[tuple[str, str]] = frozenset((colour, form) for colour in COLOURS for form in FORMS)


EVERY = Kind()
SEEN = Kind(pairs=EVERY.pairs - UNSEEN_PAIRS)
TRAINED = Kind(single=0.15, alike=0.5, pairs=SEEN.pairs)
HARD = Kind(single=0.0, alike=1.0, pairs=SEEN.pairs)
UNSEEN = Kind(pairs=UNSEEN_PAIRS)
IN_ONE_ROW = 0.4  # of the scenes whose things are alike


def scene(chance: random.Random, kind: Kind = EVERY) -> Scene:
    """One to four things, each in a cell of its own."""
    alike = chance.random() < kind.alike
    pairs = sorted(kind.pairs)
    if alike:
        pairs = _of_two_colours_and_forms(chance, pairs)
    count = 1 if chance.random() < kind.single else chance.randint(2, MOST)
    cells = chance.sample(range(CELLS), count)
    if alike and count > 1 and chance.random() < IN_ONE_ROW:
        cells = _in_one_row(chance, count)
    return tuple(sorted(Thing(*divmod(cell, GRID), *chance.choice(pairs)) for cell in cells))


def _of_two_colours_and_forms(chance: random.Random, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    while True:
        colours, forms = chance.sample(sorted(COLOURS), 2), chance.sample(FORMS, 2)
        left = [pair for pair in pairs if pair[0] in colours and pair[1] in forms]
        if len(left) > 1:
            return left


def _in_one_row(chance: random.Random, count: int) -> list[int]:
    row = chance.randrange(GRID)
    together = chance.sample(range(row * GRID, (row + 1) * GRID), chance.randint(2, min(GRID, count)))
    others = [cell for cell in range(CELLS) if cell not in together]
    return together + chance.sample(others, count - len(together))


def picture(things: Scene, chance: random.Random) -> Image.Image:
    """The scene as an RGB picture of 96 by 96 pixels; paper, size, place in the cell and shade of a colour vary."""
    image = Image.new("RGB", (SIDE, SIDE), _shade(chance, *((low, high) for low, high in [BACKGROUND] * 3)))
    canvas = ImageDraw.Draw(image)
    for thing in things:
        cell = SIDE / GRID
        x = cell * (thing.column + 0.5) + chance.uniform(-2, 2)
        y = cell * (thing.row + 0.5) + chance.uniform(-2, 2)
        near = ((value - SHADE, value + SHADE) for value in COLOURS[thing.colour])
        _draw(canvas, thing.form, (x, y), chance.uniform(9, 13), _shade(chance, *near))
    return image


def _shade(chance: random.Random, *ranges: tuple[int, int]) -> tuple[int, int, int]:
    red, green, blue = (min(255, max(0, chance.randint(low, high))) for low, high in ranges)
    return red, green, blue


def _draw(
    canvas: ImageDraw.ImageDraw, form: str, middle: tuple[float, float], size: float, colour: tuple[int, int, int]
) -> None:
    x, y = middle
    if form == "circle":
        canvas.ellipse((x - size, y - size, x + size, y + size), fill=colour)
    elif form == "square":
        half = size * 0.9
        canvas.rectangle((x - half, y - half, x + half, y + half), fill=colour)
    elif form == "triangle":
        low = y + size * 0.9
        canvas.polygon([(x, y - size), (x - size, low), (x + size, low)], fill=colour)
    else:
        thick = size * 0.4
        canvas.rectangle((x - thick, y - size, x + thick, y + size), fill=colour)
        canvas.rectangle((x - size, y - thick, x + size, y + thick), fill=colour)
