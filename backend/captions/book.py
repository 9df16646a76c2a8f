"""What a captioning job has made so far: one line per picture in captions.jsonl, corrections in corrected.jsonl.

Both are append-only; a reader takes whole lines. The pictures lie beside, as in a data set.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from backend.data.pictures import keeping
from backend.errors import ChatError, DataError
from backend.jobs.context import mend
from backend.jobs.folder import RunFolder

CAPTIONS, CORRECTED = "captions.jsonl", "corrected.jsonl"
LONGEST = 20_000


class Entry(BaseModel):
    """`name`: of the picture in its folder or archive; `picture`: where it is stored in the run folder ("" for one that
    cannot be read). `base`: what the base model says; None where it was not asked. `error_key` and `error_values`: why
    there is no caption. `corrected`: by a person.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    name: str
    picture: str = ""
    caption: str = ""
    base: str | None = None
    error_key: str = ""
    error_values: dict[str, str | int | float] = Field(default_factory=dict)
    corrected: bool = False

    @property
    def failed(self) -> bool:
        return bool(self.error_key)

    @property
    def reason(self) -> DataError:
        """Why there is no caption, as a sentence."""
        return DataError(self.error_key, **self.error_values)


def read(folder: RunFolder) -> list[Entry]:
    """All pictures that were looked at, as they were done, with what people made of their captions."""
    corrected = {line["name"]: line["caption"] for line in _lines(folder.path / CORRECTED)}
    return [_with(Entry(**line), corrected) for line in _lines(folder.path / CAPTIONS)]


def begin(folder: RunFolder) -> list[Entry]:
    """What earlier attempts have done; a line that a kill has cut off is none."""
    mend(folder.path / CAPTIONS)
    return read(folder)


def add(folder: RunFolder, entry: Entry) -> None:
    """On the disk when this returns."""
    _append(folder.path / CAPTIONS, entry.model_dump(mode="json", exclude_defaults=True))


def correct(folder: RunFolder, name: str, caption: str) -> Entry:
    """Take what a person says about a picture instead of what the model said. ChatError: there is no such picture with
    a caption, or the text is too long.
    """
    if len(caption) > LONGEST:
        raise ChatError("chat.long", count=len(caption), most=LONGEST)
    found = next((entry for entry in read(folder) if entry.name == name and not entry.failed), None)
    if found is None:
        raise ChatError("captions.no_picture", name=name[:200])
    _append(folder.path / CORRECTED, {"name": name, "caption": caption})
    return found.model_copy(update={"caption": caption, "corrected": True})


def thumbnail(folder: RunFolder, entry: Entry) -> Path:
    """The small picture of one that could be read."""
    return keeping.small(folder.path, entry.picture)


def _with(entry: Entry, corrected: dict[str, str]) -> Entry:
    if entry.name not in corrected:
        return entry
    return entry.model_copy(update={"caption": corrected[entry.name], "corrected": True})


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    with path.open("rb") as file:
        for raw in file:
            if raw.endswith(b"\n"):
                yield json.loads(raw)


def _append(path: Path, values: dict[str, Any]) -> None:
    with path.open("ab") as file:
        file.write(json.dumps(values, ensure_ascii=False).encode("utf-8") + b"\n")
        file.flush()
        os.fsync(file.fileno())
