"""Room on the disk: a floor below which nothing is started, and a reserve for the last words of a run."""

import contextlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from backend.errors import SetupError
from backend.paths import Workspace

RESERVE_BYTES = 64 * 2**20


def in_words(count: float) -> str:
    """Bytes for a person: "12 MB", "1.5 GB"; decimal units, as disks are sold and as systems show them."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            shown = f"{count / size:.1f}" if count < 10 * size else f"{count / size:.0f}"
            return f"{shown.removesuffix('.0')} {unit}"
    return f"{count:.0f} B"


def reserve(workspace: Workspace) -> Path:
    return workspace.root / ".reserve"


def let_go(workspace: Workspace) -> None:
    """Give the reserve up, so that a full disk takes the few bytes that say how a run ended."""
    with contextlib.suppress(OSError):
        reserve(workspace).unlink(missing_ok=True)


@dataclass
class DiskWatch:
    """`blocked` is None, or why no run may start now. Call `look` every few seconds."""

    workspace: Workspace
    floor: int
    reserve_bytes: int = RESERVE_BYTES
    blocked: SetupError | None = None

    def look(self) -> None:
        free = shutil.disk_usage(self.workspace.root).free
        if free < self.floor:
            self.blocked = SetupError("jobs.disk_low", free=in_words(free), need=in_words(self.floor))
            return
        self.blocked = None
        if free >= self.floor + 2 * self.reserve_bytes:
            self._keep_reserve()

    def _keep_reserve(self) -> None:
        path = reserve(self.workspace)
        if path.exists() and path.stat().st_size == self.reserve_bytes:
            return
        with contextlib.suppress(OSError), path.open("wb") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, self.reserve_bytes)
            else:
                for _ in range(self.reserve_bytes // 2**20):
                    file.write(bytes(2**20))
