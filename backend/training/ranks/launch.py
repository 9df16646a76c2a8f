"""Runs the processes of one run by torchrun's own agent: when one of them ends early, it ends the others.

The process of the job does not train: it holds the job's lock, starts the group, waits, and says how it ended.
"""

import json
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from backend import devices
from backend.errors import JobError
from backend.hardware import this_machine
from backend.jobs import events, process
from backend.jobs.context import JobContext
from backend.jobs.folder import write_atomically
from backend.jobs.model import ExitCode
from backend.training.ranks import ends
from backend.training.ranks.ends import End

MODULE = "backend.training.rank"
LOOPBACK = "127.0.0.1"
# Where the processes find what they are to do, and where they leave how they ended.
PLACE, ORDER, STOP = "ranks", "job.json", "stop"
GLANCE = 0.2


class RankError(RuntimeError):
    """A process of the group met an error that is a bug; the sentence says which."""


def together(job: JobContext, ranks: int) -> int:
    """Train in so many processes; a value of `ExitCode`, or negative when the group lost one of them.

    JobError for what a person has to change first, RankError for a bug.
    """
    place = job.folder.path / PLACE
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(mode=0o700)
    told = {"request": job.request, "attempt": job.attempt, "memory_failures": job.memory_failures}
    write_atomically(place / ORDER, json.dumps(told | {"device": job.device}), mode=0o600)
    kills = process.memory_kills()
    with _passing_on(job, place / STOP):
        statuses = _launch(job, place, ranks)
    job.catch_up()
    end = ends.verdict(ends.read(place, ranks), statuses)
    if end.code < 0 and process.memory_kills() > kills:
        end = End(ExitCode.OUT_OF_MEMORY)
    shutil.rmtree(place, ignore_errors=True)
    return _said(job, end, ranks)


def _launch(job: JobContext, place: Path, ranks: int) -> dict[int, int]:
    """Wait for the group; exit status by rank of those that did not end with 0."""
    cards = job.device != "cpu"
    if cards and devices.count(job.device) != ranks:
        raise JobError("training.not_together", wanted=ranks, found=devices.count(job.device))
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=ranks,
        run_id=job.folder.path.name,
        rdzv_backend="c10d",
        rdzv_endpoint=f"{LOOPBACK}:0",
        local_addr=LOOPBACK,
        max_restarts=0,
        # SIGTERM asks us to stop in good order, which is not what torchrun would make of it.
        signals_to_handle="SIGHUP",
        logs_specs=DefaultLogsSpecs(log_dir=str(place)),
        # Every process sees one card only, its own, and calls it the first.
        virtual_local_rank=cards,
    )
    with _surroundings(ranks, cards=cards):
        try:
            elastic_launch(config, sys.executable)("-m", MODULE, str(job.folder.path), str(os.getpid()))
        except ChildFailedError as error:
            return {rank: failure.exitcode for rank, failure in error.failures.items()}
    return {}


@contextmanager
def _surroundings(ranks: int, *, cards: bool) -> Iterator[None]:
    """What the processes find in their environment: they talk over loopback, and share the cores."""
    threads = max(1, this_machine().cores // ranks)
    added = {"OMP_NUM_THREADS": str(threads)} if not cards else {}
    if sys.platform == "linux":
        added |= {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo"}
    before = {name: os.environ.get(name) for name in added}
    os.environ.update({name: os.environ.get(name, value) for name, value in added.items()})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]


@contextmanager
def _passing_on(job: JobContext, stop: Path) -> Iterator[None]:
    """Tell the group when this process is asked to stop by a signal; stop.json it sees itself."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(GLANCE):
            if job.signal.asked:
                stop.touch()
                return

    watching = threading.Thread(target=watch, name="passing on", daemon=True)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()


def _said(job: JobContext, end: End, ranks: int) -> int:
    """Say what the process in question could not say itself, and raise what it raised."""
    for level, key, values in end.notes:
        job.say(events.Note.model_validate({"level": level, "key": key, "values": values}))
    if end.code < 0:
        job.say(events.Note(level="warning", key="training.rank_lost", values={"ranks": ranks}))
    if end.code == ExitCode.CANNOT_RUN and end.key is not None:
        raise JobError(end.key, **end.values)
    if end.code == ends.CRASHED:
        raise RankError(f"process {end.rank + 1} of {ranks}: {end.values.get('error')}")
    return end.code
