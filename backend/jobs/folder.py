"""The folder of one run: the contract between whoever submits a job, whatever engine runs it, and whoever watches it.

request.json    what to do; written once, before the ledger row (an import from the Hub adds the model it found)
attempt.json    number, claim token and earlier memory failures of the attempt now starting; mode 0600
status.json     how far it is; replaced as a whole
events.jsonl    what it says (`backend.jobs.events`); append-only
log.txt         standard output and error of every attempt
alive.lock      held by the job process for life: the only proof that it lives
stop.json       somebody asked it to stop
checkpoints/    verified checkpoints to resume from
check.json      which questions of the check set were answered as expected, before and after
adapter/        what was trained, in the format of peft (a full model for method "full" is in model/)
pictures/       what test questions asked while it learned are about
result.json     the figures of a finished run
stages/<n>/     of a chain: a folder like this one for each of its trainings, counted from 1
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from backend.jobs import events
from backend.paths import sync_folder as sync_folder
from backend.paths import write_atomically as write_atomically


@dataclass(frozen=True)
class RunFolder:
    path: Path

    @property
    def request(self) -> Path:
        return self.path / "request.json"

    @property
    def attempt(self) -> Path:
        return self.path / "attempt.json"

    @property
    def status(self) -> Path:
        return self.path / "status.json"

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def log(self) -> Path:
        return self.path / "log.txt"

    @property
    def stop(self) -> Path:
        return self.path / "stop.json"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def check(self) -> Path:
        return self.path / "check.json"

    @property
    def adapter(self) -> Path:
        return self.path / "adapter"

    @property
    def model(self) -> Path:
        return self.path / "model"

    @property
    def pictures(self) -> Path:
        return self.path / "pictures"

    @property
    def result(self) -> Path:
        return self.path / "result.json"

    @property
    def stages(self) -> Path:
        return self.path / "stages"

    def stage(self, number: int) -> "RunFolder":
        return RunFolder(self.stages / str(number))

    def latest(self) -> "RunFolder":
        """The stage of a chain that was begun last; the folder itself of any other run."""
        begun = [int(path.name) for path in self.stages.glob("*") if path.name.isdigit()]
        return self.stage(max(begun)) if begun else self

    def lock(self) -> FileLock:
        """The life lock, not yet taken; `acquire(blocking=False)` raises filelock.Timeout while the job lives."""
        return FileLock(self.path / "alive.lock", is_singleton=False)

    def read(self, path: Path) -> dict[str, Any]:
        """The JSON object in one of this folder's files, or {} when there is none."""
        if not path.exists():
            return {}
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found

    def write(self, path: Path, values: dict[str, Any], *, mode: int = 0o644) -> None:
        write_atomically(path, json.dumps(values, ensure_ascii=False, indent=1), mode=mode)

    def said(self) -> Iterator[Any]:
        """Every whole event, oldest first."""
        return events.read(self.events)
