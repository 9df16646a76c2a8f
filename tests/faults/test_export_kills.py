"""SIGKILL at every point of an export and at random moments: what is registered is whole, and a next attempt ends well.

`STUDIO_KILLS` sets how many kills at random moments (3 by default).
"""

import os
import random
import signal
import time
from pathlib import Path

import pytest
import torch

from backend.export import parcel
from backend.export import run as export
from backend.export.request import Choice, ExportRequest
from backend.inference.decoding import threads
from backend.jobs.context import JobContext, mend
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from backend.models import catalogue
from backend.paths import Workspace
from backend.people import HOME
from backend.training.checkpoints import flaw
from tests import tiny

KILLS = int(os.environ.get("STUDIO_KILLS", "3"))
SEED = int(os.environ.get("STUDIO_SEED", "0"))
MOST_POINTS = 40

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="kills are dealt to forks"),
    pytest.mark.timeout(600),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    workspace = Workspace(tmp_path_factory.mktemp("exports") / "workspace").create()
    model = tiny.make_model(workspace.root / "base")
    asked = tiny.request(workspace.root, model, tiny.chats(6), schedule={"max_steps": 1})
    code, _ = tiny.run(workspace.runs / "aa", asked)
    assert code == ExitCode.DONE
    folder = RunFolder(workspace.runs / "aa")
    folder.write(folder.request, asked | {"job": {"owner": HOME.id}})
    return workspace


def attempt(workspace: Workspace, name: str, form: str) -> int:
    """Only in a fork, which waits for ever if it computes on several threads after its parent did."""
    torch.set_num_threads(1)
    threads.MOST = 1
    folder = RunFolder(workspace.runs / name)
    folder.path.mkdir(exist_ok=True)
    request = ExportRequest(run="aa", run_name="mine", choice=Choice(to=form)).model_dump(mode="json")
    folder.write(folder.request, request | {"job": {"owner": HOME.id}})
    mend(folder.events)
    return export.run(JobContext(folder, request))


def made(workspace: Workspace, name: str, form: str) -> list[Path]:
    """What others can see of this export; whatever it is, it is whole."""
    if form == "merged":
        found = [m.folder for m in catalogue.available(HOME, workspace) if m.folder.name == name]
    else:
        found = [path for path in (workspace.runs / name / export.MADE,) if path.exists()]
    assert all(flaw(path) is None for path in found)
    return found


def die_at(workspace: Workspace, name: str, form: str, point: int) -> int:
    """Killed before the `point`th flush or rename of this attempt; a point that does not come is none."""
    left = [point]

    def dying(real):
        def act(*arguments):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments)

        return act

    parcel.sync_file, parcel.sync_folder = dying(parcel.sync_file), dying(parcel.sync_folder)
    Path.rename = dying(Path.rename)
    return attempt(workspace, name, form)


@pytest.mark.parametrize("form", ["merged", pytest.param("gguf", marks=pytest.mark.slow)])
def test_a_kill_at_each_point_leaves_a_whole_thing_or_none(world, form):
    name = f"points-{form}"
    seen = set()
    for point in range(1, MOST_POINTS):
        code = tiny.fork(lambda point=point: die_at(world, name, form, point))
        seen.add(bool(made(world, name, form)))
        if code == ExitCode.DONE:
            break
        assert code == -signal.SIGKILL
    assert code == ExitCode.DONE
    assert seen == {True, False}
    assert len(made(world, name, form)) == 1
    assert not (world.runs / name / export.STAGING).exists()


@pytest.mark.slow
def test_kills_at_random_moments_leave_a_whole_thing_or_none(world):
    began = time.monotonic()
    assert tiny.fork(lambda: attempt(world, "whole", "merged")) == ExitCode.DONE
    seconds, dice = time.monotonic() - began, random.Random(SEED)
    for number in range(KILLS):
        child = os.fork()
        if child == 0:
            os._exit(attempt(world, f"random-{number}", "merged"))
        time.sleep(dice.uniform(0.05, 1) * seconds)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        made(world, f"random-{number}", "merged")
        assert tiny.fork(lambda number=number: attempt(world, f"random-{number}", "merged")) == ExitCode.DONE
        assert len(made(world, f"random-{number}", "merged")) == 1
