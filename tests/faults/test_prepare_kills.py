"""SIGKILL at random moments of a preparation: the version is there as a whole or not at all, and the one before stays.

`STUDIO_KILLS` sets how many kills (6 by default).
"""

import os
import random
import signal
import time

import pytest

from backend.data import datasets
from backend.data.preparing import plan, run, submit
from backend.jobs.context import JobContext
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from backend.people import HOME
from tests import tiny
from tests.faults.stage import Stage

KILLS = int(os.environ.get("STUDIO_KILLS", "6"))
SEED = int(os.environ.get("STUDIO_SEED", "0"))
ROWS = 20_000
STEPS = {"steps": [{"step": "filter", "least_characters": 20}, {"step": "split"}]}

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills are dealt to forks")


def test_a_preparation_that_is_killed_leaves_all_or_nothing(tmp_path):
    stage = Stage.at(tmp_path / "workspace")
    path = tmp_path / "a.txt"
    path.write_text("".join(f"Rândul cu numărul {at} din listă.\n" for at in range(ROWS)), encoding="utf-8")
    first = datasets.add(HOME, stage.workspace, path, "texts")
    dice = random.Random(SEED)
    job = submit.prepare(HOME, stage.jobs, first, plan.checked(STEPS))
    folder = RunFolder(stage.workspace.run(job.id))
    request = {"prepare": folder.read(folder.request)["prepare"]}

    def attempt():
        return run.run(JobContext(folder=folder, request=request))

    def versions():
        return [one for one in datasets.every_version(HOME, stage.workspace) if one.parent == first.id]

    begun = time.monotonic()
    assert tiny.fork(attempt) == ExitCode.DONE
    whole = time.monotonic() - begun
    (expected,) = versions()
    datasets.delete(HOME, stage.workspace, expected.id)
    for _ in range(KILLS):
        child = os.fork()
        if child == 0:
            os._exit(attempt())
        time.sleep(dice.random() * whole)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        for made in versions():
            assert (made.rows, made.sha256) == (ROWS, expected.sha256)
            datasets.delete(HOME, stage.workspace, made.id)
    assert tiny.fork(attempt) == ExitCode.DONE
    assert tiny.fork(attempt) == ExitCode.DONE  # again, as after a kill at the very end: no second version
    assert [made.sha256 for made in versions()] == [expected.sha256]
    assert datasets.find(HOME, stage.workspace, first.id).rows == ROWS
