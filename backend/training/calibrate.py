"""Has this machine measured for forecasts while a worker waits. Heavy: only a process that trains opens this module.

python -m backend.training.calibrate WORKSPACE
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import psutil

from backend.forecast import calibration
from backend.hardware import Machine, this_machine
from backend.paths import Workspace
from backend.training.speed import measure

MODULE = "backend.training.calibrate"


@contextmanager
def beside(place: Path) -> Iterator[None]:
    """Measure this machine for the workspace at `place` beside this process, unless it is known already.

    What measures is ended with the block, finished or not: what comes next is not disturbed. On Linux it is a fork,
    which has the libraries; elsewhere a fork of a process with threads may not go on, and it is a process of its own.
    """
    workspace = Workspace(place)
    machine = this_machine(place)
    if calibration.load(workspace, machine) is not None:
        yield
        return
    with _forked(workspace, machine) if sys.platform == "linux" else _started(place):
        yield


@contextmanager
def _forked(workspace: Workspace, machine: Machine) -> Iterator[None]:
    runtime = psutil.Process().memory_info().rss
    child = os.fork()
    if child == 0:
        _measure_and_leave(workspace, machine, runtime)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@contextmanager
def _started(place: Path) -> Iterator[None]:
    with subprocess.Popen([sys.executable, "-m", MODULE, str(place)], stdin=subprocess.DEVNULL) as child:
        try:
            yield
        finally:
            child.kill()


def main(arguments: list[str]) -> int:
    """Measure for the workspace named in the arguments."""
    place = Path(arguments[0])
    # A worker has loaded what a training needs and we do not.
    import_module("backend.training.run")
    calibration.save(Workspace(place), this_machine(place), measure(psutil.Process().memory_info().rss))
    return 0


def _measure_and_leave(workspace: Workspace, machine: Machine, runtime: int) -> NoReturn:
    """In the fork, which must never come back to what its parent goes on with."""
    try:
        calibration.save(workspace, machine, measure(runtime))
    finally:
        os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
