"""One process of a run on several devices. Heavy: only the agent of `ranks.launch` starts it.

python -m backend.training.rank RUN_FOLDER PID_OF_THE_JOB

The first of them speaks for all; the others compute, and write nothing into the run folder but how they ended.
"""

import ctypes
import json
import logging
import os
import signal
import sys
import threading
import time
import traceback
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from filelock import FileLock

from backend.errors import StudioError
from backend.jobs import events
from backend.jobs.context import JobContext, StopSignal
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from backend.quiet import keep_quiet, say_no_more
from backend.training import run as training
from backend.training.loop.group import Group
from backend.training.ranks import ends
from backend.training.ranks.ends import End
from backend.training.ranks.launch import ORDER, PLACE, STOP
from backend.training.request import TrainRequest

# How long one waits for the others: all save, evaluate and answer together, so a minute would do but for slow disks.
PATIENCE = timedelta(minutes=30)
# An earlier group whose parent was killed may take a moment to notice.
LOCK_SECONDS = 60.0
SET_DEATH_SIGNAL = 1


class StopFile(StopSignal):
    """Set by the process of the job, which is the one that is asked."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def asked(self) -> bool:  # type: ignore[override]
        return self.path.exists()


@dataclass(frozen=True)
class Unwritten(RunFolder):
    """A run folder that somebody else writes into."""

    def write(self, path: Path, values: dict[str, Any], *, mode: int = 0o644) -> None:
        """Not here."""


@dataclass
class Silent(JobContext):
    """What one of the others says is said by the first; notes are kept, for they may say why it ends."""

    notes: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def say(self, event: events.Said) -> None:
        if isinstance(event, events.Note):
            self.notes.append((event.level, event.key, dict(event.values)))

    def show(self, **values: Any) -> None:
        """Not here."""


def main(arguments: list[str]) -> int:
    """Train with the others; the exit status is this process's alone, why it ended stands in its file."""
    path, parent = Path(arguments[0]), int(arguments[1])
    follow(parent)
    os.umask(0o077)
    keep_quiet()
    rank = int(os.environ["RANK"])
    with ExitStack() as held:
        if rank == 0:
            held.enter_context(FileLock(path / "ranks.lock", is_singleton=False).acquire(timeout=LOCK_SECONDS))
        job = context(path, rank)
        end = _train(job, rank)
        ends.write(path / PLACE, end)
    return 0 if end.code in {ExitCode.DONE, ExitCode.STOPPED} else end.code


def follow(parent: int) -> None:
    """End with the process of the job, however that ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SET_DEATH_SIGNAL, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(ends.ALONE)

    threading.Thread(target=watch, name="following", daemon=True).start()


def context(path: Path, rank: int) -> JobContext:
    """The job as the process that started us was given it."""
    told = json.loads((path / PLACE / ORDER).read_text(encoding="utf-8"))
    stop = StopFile(path / PLACE / STOP)
    if rank == 0:
        return JobContext(RunFolder(path), signal=stop, **told)
    return Silent(Unwritten(path), signal=stop, **told)


def _train(job: JobContext, rank: int) -> End:
    """Every way in which it can end."""
    try:
        code, key, values = training.run(job, _join(job)), None, {}
        dist.destroy_process_group()
    except StudioError as error:
        code, key, values = ExitCode.CANNOT_RUN, error.key, _plain(error)
    except Exception as error:  # noqa: BLE001 - the top of the process: whatever it was, the job must hear of it
        traceback.print_exc()
        code, key, values = _kind(error), None, {"error": f"{type(error).__name__}: {str(error).strip()[:300]}"}
    return End(code, rank, key, values, tuple(job.notes) if isinstance(job, Silent) else ())


def _join(job: JobContext) -> Group:
    """Meet the others; only then is there anything to share."""
    os.environ["ACCELERATE_USE_CPU"] = "true" if job.device == "cpu" else "false"
    if job.device != "cpu":
        torch.cuda.set_device(0)
    dist.init_process_group("gloo" if job.device == "cpu" else "nccl", timeout=PATIENCE)
    compute = TrainRequest.model_validate(job.request).recipe.compute
    return Group.joined(compute.devices, compute.sharding)


def _kind(error: Exception) -> int:
    words = str(error).lower()
    gone = isinstance(error, dist.DistError) or "gloo" in words or "connection closed by peer" in words
    return ends.ALONE if gone else ends.CRASHED


def _plain(error: StudioError) -> dict[str, Any]:
    return {name: value if isinstance(value, int | float) else str(value) for name, value in error.values.items()}


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    status = main(sys.argv[1:])
    say_no_more()
    sys.exit(status)
