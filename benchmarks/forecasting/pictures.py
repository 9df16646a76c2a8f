"""Pictures of chance with questions about them, for the forecast."""

import json
import random
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

from PIL import Image

from backend.data import rows
from backend.paths import SAMPLE_DATA

CHATS = SAMPLE_DATA / "chats" / "starter-ro.jsonl"
PICTURES, ROWS = 24, 160
SIZES = ((320, 240), (240, 320), (448, 448), (640, 280), (224, 224))


def make_pictures(folder: Path, length: int) -> Path:
    """Rows about pictures: of some two of them, and each a conversation of a quarter up to the whole of `length` tokens
    beside them.
    """
    chance = random.Random(0)
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    names = [f"pictures/{at}.png" for at in range(PICTURES)]
    for at, name in enumerate(names):
        size = SIZES[at % len(SIZES)]
        Image.frombytes("RGB", size, chance.randbytes(3 * size[0] * size[1])).save(folder / name)
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in _rows(names, length, chance)), encoding="utf-8")
    return path


def _rows(names: list[str], length: int, chance: random.Random) -> Iterator[dict[str, Any]]:
    said = cycle([message for row in rows.read(CHATS) for message in row["messages"]])
    for at in range(ROWS):
        messages = [dict(next(said)) for _ in range(2 * max(1, round(chance.uniform(length / 4, length) / 36)))]
        shown = chance.sample(names, 2 if at % 5 == 0 else 1)
        asked = {"type": "text", "text": f"{at}: {messages[0]['content']}"}
        messages[0]["content"] = [*({"type": "image", "image": name} for name in shown), asked]
        yield {"messages": messages}
