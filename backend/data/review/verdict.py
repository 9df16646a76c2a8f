"""What one reviewer says of rows, act by act: a file that only grows, so that a kill loses no more than one act."""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, ValidationError

from backend.data.rows import Row
from backend.errors import DataError
from backend.paths import sync_folder

Said = Literal["approve", "edit", "reject"]
LONGEST_NOTE = 2000
UNDO = "undo"


class Verdict(BaseModel):
    """Of the row with this number, from 0. `edited` is the row as it should be, with "edit" only; `at` is UTC epoch
    seconds.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    row: int
    said: Said
    edited: Row | None = None
    note: str = ""
    at: float = 0.0


@dataclass(frozen=True)
class Log:
    """The acts of one reviewer. Two windows of one reviewer may write at the same time."""

    path: Path

    def add(self, verdict: Verdict) -> None:
        """On the disk when this returns. DataError for a note that is too long."""
        if len(verdict.note) > LONGEST_NOTE:
            raise DataError("review.long_note", most=LONGEST_NOTE)
        with self._alone():
            self._append(verdict.model_dump(exclude_defaults=True) | {"row": verdict.row, "at": time.time()})

    def undo(self) -> Verdict | None:
        """Take the last act back; what was taken back, None when there was nothing."""
        with self._alone():
            acts = self.acts()
            if not acts:
                return None
            self._append({UNDO: True, "at": time.time()})
            return acts[-1]

    def acts(self) -> tuple[Verdict, ...]:
        """All that still stand, the oldest first."""
        try:
            state = self.path.stat()
        except FileNotFoundError:
            return ()
        return _acts(self.path, state.st_size, state.st_mtime_ns)

    def verdicts(self) -> dict[int, Verdict]:
        """By row, the last one of each."""
        return {act.row: act for act in self.acts()}

    def _alone(self) -> FileLock:
        return FileLock(self.path.with_suffix(".lock"), is_singleton=False)

    def _append(self, act: dict[str, Any]) -> None:
        """In one write. What a kill has left of a line before it becomes a line of its own, which nobody reads."""
        new = not self.path.exists()
        with self.path.open("ab+") as file:
            torn = b""
            if file.tell():
                file.seek(-1, os.SEEK_END)
                torn = b"" if file.read(1) == b"\n" else b"\n"
            file.write(torn + json.dumps(act, separators=(",", ":")).encode("ascii") + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if new:
            sync_folder(self.path.parent)


@lru_cache(maxsize=64)
def _acts(path: Path, _size: int, _changed_at: int) -> tuple[Verdict, ...]:
    """Read again only when the file has changed."""
    found: list[Verdict] = []
    for act in _read(path):
        if act is not None:
            found.append(act)
        elif found:
            found.pop()
    return tuple(found)


def _read(path: Path) -> Iterator[Verdict | None]:
    """None for an undo. A line that was torn by a kill is none."""
    with path.open("rb") as file:
        for line in file:
            try:
                act = json.loads(line)
                yield None if UNDO in act else Verdict(**act)
            except (ValueError, TypeError, ValidationError):
                continue
