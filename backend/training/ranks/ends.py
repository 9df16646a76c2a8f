"""How each process of a group ended, and what that means for the run.

A process that knows why it ends writes it down; one that was killed cannot. When one of them ends early, those that
were waiting for it fail as well: what decides is the cause, not who fell first.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from signal import SIGTERM
from typing import Any

from backend.jobs.folder import write_atomically
from backend.jobs.model import ExitCode

CRASHED = 1
# Another process was not there any more: never the cause.
ALONE = 86
# The worse first: these are decisions, whoever made them.
DECISIONS = (ExitCode.OUT_OF_MEMORY, ExitCode.DISK_FULL, ExitCode.DIVERGED, ExitCode.CANNOT_RUN)


@dataclass(frozen=True)
class End:
    """`key` and `values`: of the error that ended it; `notes`: what it could not say itself, (level, key, values)."""

    code: int
    rank: int = 0
    key: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[tuple[str, str, dict[str, Any]], ...] = ()


def write(folder: Path, end: End) -> None:
    write_atomically(_path(folder, end.rank), json.dumps(asdict(end), ensure_ascii=False))


def read(folder: Path, ranks: int) -> list[End]:
    """Of those that wrote one."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in _paths(folder, ranks) if path.exists()]
    return [End(**one | {"notes": tuple(tuple(note) for note in one["notes"])}) for one in found]


def verdict(ends: list[End], statuses: Mapping[int, int]) -> End:
    """The one end of the group. `statuses`: exit status by rank of those that did not end with 0, negative for signals.

    Those that still run when one ends are told to with SIGTERM, so that one says nothing of the cause.
    """
    decided = [end for code in DECISIONS for end in ends if end.code == code]
    if decided:
        return decided[0]
    killed = [status for status in statuses.values() if status < 0 and status != -SIGTERM]
    if killed:
        return End(killed[0])
    crashed = [end for end in ends if end.code == CRASHED]
    if crashed:
        return crashed[0]
    if statuses:
        return End(next((status for status in statuses.values() if status < 0), -SIGTERM))
    return next((end for end in ends if end.rank == 0), End(-SIGTERM))


def _paths(folder: Path, ranks: int) -> list[Path]:
    return [_path(folder, rank) for rank in range(ranks)]


def _path(folder: Path, rank: int) -> Path:
    return folder / f"end-{rank}.json"
