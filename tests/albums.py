"""Data sets with pictures, as an import leaves them in a workspace."""

import hashlib
import json
from typing import Any

from backend.data.datasets import RECORD, Dataset
from backend.paths import Workspace
from backend.people import HOME
from tests import photos

COLOURS = ("Ce culoare are pătratul din stânga?", "Che colore ha il quadrato a destra?", "What is on the left?")


def album(workspace: Workspace, name: str, count: int, *, captions: bool = False) -> Dataset:
    """So many different pictures, each with a caption, or with a question and its answer."""
    folder = workspace.datasets / name
    (folder / "pictures").mkdir(parents=True)
    rows = [_row(at, _kept(folder / "pictures", raw), captions) for at, raw in enumerate(photos.shades(count))]
    written = folder / "rows.jsonl"
    written.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), encoding="utf-8")
    made = Dataset(
        id=name,
        name=name,
        path=written,
        rows=count,
        shape="caption" if captions else "visual",
        sha256=hashlib.sha256(written.read_bytes()).hexdigest(),
        owner=HOME.id,
    )
    (folder / RECORD).write_text(made.model_dump_json(), encoding="utf-8")
    return made


def _kept(folder: Any, raw: bytes) -> str:
    name = f"{hashlib.sha256(raw).hexdigest()}.png"
    (folder / name).write_bytes(raw)
    return f"pictures/{name}"


def _row(at: int, picture: str, captions: bool) -> dict[str, Any]:
    if captions:
        return {"image": picture, "caption": f"È il quadro numero {at}."}
    shown = [{"type": "image", "image": picture}, {"type": "text", "text": f"{COLOURS[at % 3]} ({at})"}]
    return {"messages": [{"role": "user", "content": shown}, {"role": "assistant", "content": f"Roșu, {at}."}]}
