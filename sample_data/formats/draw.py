"""Draws the pictures of this folder: `python sample_data/formats/draw.py`. Ten shapes for each of the three folders."""

from pathlib import Path

from PIL import Image, ImageDraw

SIDE = 96
SETS = {
    "captions": ("crimson", "royalblue", "seagreen", "gold", "darkorange"),
    "picture-questions": ("purple", "teal", "hotpink", "saddlebrown", "black"),
    "picture-chats": ("navy", "limegreen", "tomato", "gray", "turquoise"),
}


def drawn(shape: str, colour: str) -> Image.Image:
    image = Image.new("RGB", (SIDE, SIDE), "white")
    pen = ImageDraw.Draw(image)
    if shape == "circle":
        pen.ellipse((18, 18, 78, 78), fill=colour)
    else:
        pen.rectangle((20, 20, 76, 76), fill=colour)
    return image.quantize(8)


def main() -> None:
    here = Path(__file__).parent
    for folder, colours in SETS.items():
        (here / folder).mkdir(exist_ok=True)
        for colour in colours:
            for shape in ("circle", "square"):
                drawn(shape, colour).save(here / folder / f"{shape}-{colour}.png", optimize=True)


if __name__ == "__main__":
    main()
