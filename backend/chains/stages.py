"""The stages of a chain on the disk: which are done, whether they still are what they were, and what is kept of each.

stages/<n>/done.json   written when stage n is done: its figures, and the SHA-256 of every file that it made
stages/<n>/merged/     base and adapter of stage n as one model, where the next stage starts from that
stages.json            how many stages have been done, and which of them a person was told is no longer whole
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.export.parcel import digest
from backend.jobs.folder import RunFolder
from backend.training.checkpoints import flaw

DONE, STATE, MERGED = "done.json", "stages.json", "merged"


@dataclass(frozen=True)
class Lost:
    """A stage that was done, and the first of its files that is gone or is not what was written."""

    number: int
    file: str


@dataclass(frozen=True)
class Stages:
    """Of the chain in this run folder; `count` of them."""

    folder: RunFolder
    count: int

    def done(self, number: int) -> dict[str, Any]:
        """The figures of a stage that is done; {} for one that is not."""
        stage = self.folder.stage(number)
        return stage.read(stage.path / DONE)

    def finish(self, number: int) -> None:
        """Stage `number` is done: what it made is hashed, and its checkpoints go, for nothing will go on from them."""
        stage = self.folder.stage(number)
        files = {f"{part.name}/{path.name}": digest(path) for part in _made(stage) for path in sorted(part.iterdir())}
        stage.write(stage.path / DONE, {**stage.read(stage.result), "files": files})
        self._write(done=number)
        shutil.rmtree(stage.checkpoints, ignore_errors=True)

    def first_lost(self) -> Lost | None:
        """The first stage that was done and is no longer whole."""
        for number in range(1, int(self._state().get("done", 0)) + 1):
            files = self.done(number).get("files") or {DONE: ""}
            for name, sha256 in files.items():
                path = self.folder.stage(number).path / name
                if not path.is_file() or digest(path) != sha256:
                    return Lost(number, f"stages/{number}/{name}")
        return None

    def forget_from(self, number: int) -> None:
        """Train this stage and all after it again: nothing of them stays."""
        self._write(done=number - 1)
        for later in range(number, self.count + 1):
            shutil.rmtree(self.folder.stage(later).path, ignore_errors=True)

    def adapter(self, number: int) -> Path:
        return self.folder.stage(number).adapter

    def merged(self, number: int) -> Path:
        return self.folder.stage(number).path / MERGED

    def merged_is_whole(self, number: int) -> bool:
        return self.merged(number).is_dir() and flaw(self.merged(number)) is None

    @property
    def told_lost(self) -> int | None:
        """The stage that a person was told is lost; None when nobody was."""
        found = self._state().get("lost")
        return int(found) if found is not None else None

    def tell_lost(self, number: int | None) -> None:
        if self.told_lost != number:
            self._write(lost=number)

    def _state(self) -> dict[str, Any]:
        return self.folder.read(self.folder.path / STATE)

    def _write(self, **values: int | None) -> None:
        self.folder.write(self.folder.path / STATE, self._state() | values)


def _made(stage: RunFolder) -> list[Path]:
    return [path for path in (stage.adapter, stage.model) if path.is_dir()]
