"""SIGKILL at random moments of an import: the data set is there as a whole or not at all, and nothing beside it.

`STUDIO_KILLS` sets how many kills (6 by default).
"""

import os
import random
import signal
import time

import pytest

from backend.data import datasets
from backend.data.files import turns
from backend.data.intake import run, submit
from backend.data.intake.run import STAGING
from backend.jobs.context import JobContext
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from backend.people import HOME
from tests import tiny
from tests.faults.stage import Stage

KILLS = int(os.environ.get("STUDIO_KILLS", "6"))
SEED = int(os.environ.get("STUDIO_SEED", "0"))
ROWS = 30_000

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills are dealt to forks")


def table(path):
    path.write_text("question,answer\n" + "".join(f"Domanda {at}?,Risposta {at}.\n" for at in range(ROWS)))
    return path


def chats(path):
    """Read by two processes, of which only the first is killed."""
    said = '{"messages": [{"role": "user", "content": "%d?"}, {"role": "assistant", "content": "Risposta."}]}\n'
    path.write_text("".join(said % at for at in range(ROWS)))
    return path


@pytest.mark.parametrize("make", [table, chats])
def test_an_import_that_is_killed_leaves_all_or_nothing(tmp_path, monkeypatch, make):
    monkeypatch.setattr(turns, "LEAST", 1000)
    monkeypatch.setattr(turns, "PART", 1000)
    stage = Stage.at(tmp_path / "workspace")
    path = make(tmp_path / ("a.csv" if make is table else "a.jsonl"))
    dice = random.Random(SEED)
    job = submit.start(HOME, stage.jobs, [(path.name, path)])
    folder = RunFolder(stage.workspace.run(job.id))
    request = {"import": folder.read(folder.request)["import"]}

    def attempt():
        return run.run(JobContext(folder=folder, request=request))

    begun = time.monotonic()
    assert tiny.fork(attempt) == ExitCode.DONE
    whole = time.monotonic() - begun
    expected = datasets.find(HOME, stage.workspace, job.id)
    datasets.delete(HOME, stage.workspace, job.id)
    for _ in range(KILLS):
        child = os.fork()
        if child == 0:
            os._exit(attempt())
        time.sleep(dice.random() * whole)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        left = list(stage.workspace.datasets.iterdir())
        found = [one for one in datasets.available(HOME, stage.workspace) if not one.shipped]
        assert [path.name for path in left] == [one.id for one in found]
        if found:
            assert (found[0].rows, found[0].sha256) == (ROWS, expected.sha256)
            datasets.delete(HOME, stage.workspace, job.id)
    assert tiny.fork(attempt) == ExitCode.DONE
    assert datasets.find(HOME, stage.workspace, job.id).sha256 == expected.sha256
    assert not (folder.path / STAGING).exists()
