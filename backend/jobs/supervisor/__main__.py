"""Entry of the supervisor: one per workspace, proven by a file lock."""

import argparse
import logging
import os
import signal
import sys
from pathlib import Path

from filelock import FileLock, Timeout

from backend.errors import SetupError, StudioError
from backend.jobs.model import ExitCode
from backend.jobs.supervisor.house import House
from backend.paths import Workspace
from backend.settings import Settings
from backend.setup.start import tether


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m backend.jobs.supervisor", description=__doc__)
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--until-idle", action="store_true", help="end when no run is left to do")
    parser.add_argument("--no-warm", action="store_true", help="keep no worker ready")
    parser.add_argument("--worker", default="backend.worker", help="the module that runs a job")
    parser.add_argument("--engine", default="backend.inference.run", help="the module that answers in a chat")
    options = parser.parse_args(arguments)
    os.umask(0o077)
    workspace = Workspace(options.workspace.resolve())
    try:
        workspace.create()
        with FileLock(workspace.supervisor_lock, blocking=False):
            house = House.open(workspace, Settings.read(), worker=options.worker, engine=options.engine)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, house.on_signal)
            house.run(until_idle=options.until_idle, warm=not (options.no_warm or options.until_idle))
    except Timeout:
        return _refuse(SetupError("jobs.second_supervisor", path=workspace.root), ExitCode.LOCK_HELD)
    except StudioError as error:
        return _refuse(error, ExitCode.CANNOT_RUN)
    except OSError as error:
        return _refuse(SetupError("ledger.cannot_open", path=workspace.root, error=error.strerror), ExitCode.CANNOT_RUN)
    return 0


def _refuse(error: StudioError, code: int) -> int:
    sys.stderr.write(f"{error}\n")
    return code


if __name__ == "__main__":
    tether.hold()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    sys.exit(main(sys.argv[1:]))
