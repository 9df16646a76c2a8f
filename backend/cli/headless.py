"""The ledger, the jobs and a supervisor for the time of one command."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backend.jobs.service import Jobs
from backend.ledger.store import Ledger
from backend.paths import ROOT, Workspace


def open_jobs(workspace: Path) -> Jobs:
    """The jobs of a workspace, made when it is new; SetupError when it cannot be used."""
    place = Workspace(workspace.resolve()).create()
    return Jobs(Ledger.of(place), place)


@contextmanager
def supervised(workspace: Workspace, *, warm: bool = False) -> Iterator[None]:
    """A supervisor runs meanwhile: the studio's own when one is there, else ours, ended afterwards."""
    command = [sys.executable, "-m", "backend.jobs.supervisor", "--workspace", str(workspace.root)]
    command += [] if warm else ["--no-warm"]
    with (workspace.logs / "supervisor.log").open("ab") as log:
        ours = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield
    finally:
        ours.terminate()
        ours.wait()
