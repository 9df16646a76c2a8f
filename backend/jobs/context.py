"""What a running job is given: its request, a way to say what happens, and a way to hear that it should stop."""

import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Literal

from backend.jobs import events
from backend.jobs.folder import RunFolder, write_atomically
from backend.paths import Workspace

SYNC_SECONDS = 5.0
STATUS_SECONDS = 0.5
Stop = Literal["save", "discard"]


class StopSignal:
    """Set by SIGTERM; a trainer looks at it between two steps, so a handler must not do more than this."""

    def __init__(self) -> None:
        self.asked = False

    def install(self) -> "StopSignal":
        signal.signal(signal.SIGTERM, self._on_signal)
        return self

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.asked = True


@dataclass
class JobContext:
    """`clock()` is run time in seconds over all attempts: it stands still while the job does not run."""

    folder: RunFolder
    request: dict[str, Any]
    attempt: int = 1
    memory_failures: int = 0
    device: str = "cpu"
    signal: StopSignal = field(default_factory=StopSignal)
    now: Callable[[], float] = time.monotonic
    _status: dict[str, Any] = field(default_factory=dict)
    _earlier: float = 0.0
    _began: float = 0.0
    _synced: float = 0.0
    _shown: float = 0.0

    def __post_init__(self) -> None:
        self._earlier = _last_time(self.folder.events)
        self._began = self.now()
        self._status = {"state": "running", "attempt": self.attempt, "phase": None, "step": 0, "total": None}

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.folder.path.parent.parent)

    def clock(self) -> float:
        return self._earlier + self.now() - self._began

    def say(self, event: events.Said) -> None:
        """Stamp an event with both clocks and append it; OSError when the disk is full.

        Steps, transfers, captions and memory are flushed to the disk every five seconds, everything else at once.
        """
        stamped = event.model_copy(update={"t": self.clock(), "at": time.time()})
        frequent = isinstance(stamped, events.Step | events.Memory | events.Transfer | events.Captioned)
        with self.folder.events.open("ab") as file:
            file.write(events.line(stamped).encode("utf-8"))
            file.flush()
            if not frequent or self.clock() - self._synced >= SYNC_SECONDS:
                os.fsync(file.fileno())
                self._synced = self.clock()
        self._note(stamped)

    def stop_requested(self) -> Stop | None:
        """ "save": end at the next whole step with a checkpoint; "discard": end now. None: go on."""
        try:
            asked = json.loads(self.folder.stop.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return "save" if self.signal.asked else None
        return "save" if asked.get("save", True) else "discard"

    def show(self, **values: Any) -> None:
        """Write status.json now."""
        self._status |= values
        self._shown = self.clock()
        said = self._status | {"at": time.time(), "seconds": round(self._shown, 3), "pid": os.getpid()}
        write_atomically(self.folder.status, json.dumps(said, ensure_ascii=False))

    def catch_up(self) -> None:
        """Another process has spoken for this job meanwhile: go on from what it has shown."""
        shown = self.folder.read(self.folder.status)
        self._status |= {name: shown[name] for name in ("phase", "step", "total") if name in shown}

    def _note(self, event: events.Said) -> None:
        """Keep status.json near the truth without a flush for each step."""
        if isinstance(event, events.Step):
            self._status |= {"step": event.step, "total": event.total}
        elif isinstance(event, events.Captioned):
            said = {"failed": event.failed, "eta_seconds": event.eta_seconds}
            self._status |= {"step": event.done, "total": event.total} | said
        elif isinstance(event, events.Transfer):
            self._status |= event.model_dump(include={"file", "done", "total", "bytes_per_second", "eta_seconds"})
        elif isinstance(event, events.Phase):
            self._status["phase"] = event.name
        if isinstance(event, events.Phase) or self.clock() - self._shown >= STATUS_SECONDS:
            self.show()


def mend(path: Path) -> None:
    """Cut off the last line when a crash left it half-written, so that the next event starts a line of its own."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        keep = size
        while keep > 0:
            start = max(0, keep - 65536)
            file.seek(start)
            newline = file.read(keep - start).rfind(b"\n")
            if newline >= 0:
                keep = start + newline + 1
                break
            keep = start
        if keep < size:
            file.truncate(keep)


def _last_time(path: Path) -> float:
    """Run time of the newest event of earlier attempts."""
    if not path.exists():
        return 0.0
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1_000_000))
        for raw in reversed(file.read().splitlines()):
            try:
                return float(json.loads(raw)["t"])
            except (ValueError, KeyError, TypeError):
                continue
    return 0.0
