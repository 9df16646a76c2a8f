"""SIGKILL at random moments of a check and of a fix: the report and the new version are there as a whole or not at all.

`STUDIO_KILLS` sets how many kills each gets (6 by default).
"""

import json
import os
import random
import signal
import time

import pytest

from backend.data import datasets
from backend.data.actions import run
from backend.data.doctor import report, submit
from backend.jobs.context import JobContext
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from backend.people import HOME
from tests import tiny
from tests.faults.stage import Stage

KILLS = int(os.environ.get("STUDIO_KILLS", "6"))
SEED = int(os.environ.get("STUDIO_SEED", "0"))
ROWS = 3000

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills are dealt to forks")


def killed(attempt, dice, whole):
    child = os.fork()
    if child == 0:
        os._exit(attempt())
    time.sleep(dice.random() * whole)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def begun(stage, job):
    folder = RunFolder(stage.workspace.run(job.id))
    request = {name: value for name, value in folder.read(folder.request).items() if name != "job"}
    return lambda: run.run(JobContext(folder=folder, request=request))


@pytest.fixture
def data(tmp_path):
    stage = Stage.at(tmp_path / "workspace")
    path = tmp_path / "a.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for at in range(ROWS):
            asked = {"role": "user", "content": f"Ce este numărul {at} în ţară?"}
            said = {"role": "assistant", "content": f"Este un număr din şirul {at}, mai mare decât altele."}
            file.write(json.dumps({"messages": [asked, said]}) + "\n")
    return stage, datasets.add(HOME, stage.workspace, path, "Date")


def test_a_check_that_is_killed_leaves_a_whole_report_or_none(data):
    stage, made = data
    dice = random.Random(SEED)
    attempt = begun(stage, submit.check(HOME, stage.jobs, made))
    started = time.monotonic()
    assert tiny.fork(attempt) == ExitCode.DONE
    whole = time.monotonic() - started
    expected = report.findings(HOME, stage.workspace, made)
    assert [one.code for one in expected.findings] == ["doctor.cedilla"]
    place = made.path.parent / report.FILE
    for _ in range(KILLS):
        place.unlink(missing_ok=True)
        killed(attempt, dice, whole)
        assert not place.exists() or report.findings(HOME, stage.workspace, made).findings == expected.findings
        assert [one.id for one in datasets.every_version(HOME, stage.workspace) if not one.shipped] == [made.id]
    assert tiny.fork(attempt) == ExitCode.DONE
    assert report.findings(HOME, stage.workspace, made).findings == expected.findings


def test_a_fix_that_is_killed_makes_one_whole_version_or_none(data):
    stage, made = data
    dice = random.Random(SEED)
    job = submit.fix(HOME, stage.jobs, made, ["comma_below"])
    attempt = begun(stage, job)
    started = time.monotonic()
    assert tiny.fork(attempt) == ExitCode.DONE
    whole = time.monotonic() - started
    expected = submit.made(HOME, stage.jobs, job)
    datasets.delete(HOME, stage.workspace, expected.id)
    before = made.path.read_bytes()
    for _ in range(KILLS):
        killed(attempt, dice, whole)
        found = [one for one in datasets.every_version(HOME, stage.workspace) if one.version == 2]
        assert made.path.read_bytes() == before
        if found:
            assert (found[0].rows, found[0].sha256) == (ROWS, expected.sha256)
            assert tiny.fork(attempt) == ExitCode.DONE
            assert len([one for one in datasets.every_version(HOME, stage.workspace) if one.version == 2]) == 1
            datasets.delete(HOME, stage.workspace, found[0].id)
    assert tiny.fork(attempt) == ExitCode.DONE
    assert submit.made(HOME, stage.jobs, job).sha256 == expected.sha256
