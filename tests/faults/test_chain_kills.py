"""SIGKILL in every part of a chain: inside stages, while they are hashed, merged and shown. The end is the same.

`STUDIO_KILLS` sets how many kills at random moments (4 by default).
"""

import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from backend.chains import publishing
from backend.chains.stages import Stages
from backend.export import parcel
from backend.jobs import folder as folders
from backend.jobs.context import mend
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from backend.training import checkpoints
from tests import chain_folders, tiny

KILLS = int(os.environ.get("STUDIO_KILLS", "4"))
SEED = int(os.environ.get("STUDIO_SEED", "0"))
MOST_POINTS = 400
# How much further each attempt of a walk comes: a prime, so that every kind of place is met.
STRIDE = 3

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="kills are dealt to forks"),
    pytest.mark.timeout(600),
]


@pytest.fixture(scope="module", params=["merged", pytest.param("stacked", marks=pytest.mark.slow)])
def world(request, tmp_path_factory):
    place = tmp_path_factory.mktemp(request.param)
    model = tiny.make_model(place / "model")
    stages = [{"lora": {"dropout": 0.1}, "watching": {"save_every": 2}} for _ in range(2)]
    asked = chain_folders.asked(place, model, *stages, way=request.param)
    began = time.monotonic()
    assert tiny.fork(lambda: attempt(place / "whole", asked)) == ExitCode.DONE
    return place, asked, time.monotonic() - began


def attempt(path: Path, asked) -> int:
    folder = RunFolder(path)
    mend(folder.events)
    request = folder.read(folder.request) or asked
    return chain_folders.run(path, request, attempt=1 + sum(1 for one in folder.said() if one.type == "stage"))[0]


def check(path: Path) -> None:
    """What is said to be done is done, and what is shown is whole."""
    folder = RunFolder(path)
    assert Stages(folder, 2).first_lost() is None
    if folder.adapter.is_dir():
        assert {"adapter_config.json", "adapter_model.safetensors", "studio.json"} <= {
            one.name for one in folder.adapter.iterdir()
        }


def ends_the_same(place: Path, run: Path) -> None:
    assert tiny.same_adapters(place / "whole", run)
    folder, whole = RunFolder(run), RunFolder(place / "whole")
    assert folder.read(folder.result)["steps"] == whole.read(whole.result)["steps"]
    assert [name for name in (".adapter", ".model", "stages/.merging") if (run / name).exists()] == []


@pytest.mark.slow
def test_kills_at_random_moments_change_nothing(world):
    place, asked, seconds = world
    dice = random.Random(SEED)
    run, kills = place / "random", 0
    for number in range(KILLS * 20):
        child = os.fork()
        if child == 0:
            os._exit(attempt(run, asked))
        if kills < KILLS:
            time.sleep(dice.uniform(0.1, 0.7) * seconds)
            os.kill(child, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        check(run)
        if code == ExitCode.DONE:
            ends_the_same(place, run)
            if kills >= KILLS:
                break
            run = place / f"random-{number}"  # faster than the dice: begin again, the kills are still owed
        else:
            assert code == -signal.SIGKILL
            kills += 1
    assert kills == KILLS
    ends_the_same(place, run)


def die_at(run: Path, asked, point: int) -> int:
    """Killed before the `point`th flush, rename, second name or removal of this attempt."""
    left = [point]

    def dying(real):
        def act(*arguments, **options):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **options)

        return act

    for module in (checkpoints, parcel):
        module.sync_file, module.sync_folder = dying(module.sync_file), dying(module.sync_folder)
    folders.write_atomically = dying(folders.write_atomically)
    publishing.os.link = dying(publishing.os.link)
    Path.rename, shutil.rmtree = dying(Path.rename), dying(shutil.rmtree)
    return attempt(run, asked)


def test_a_kill_at_many_points_one_after_the_other_changes_nothing(world):
    """Each attempt goes on where the one before died, and dies a little further on: so all of it is walked through."""
    place, asked, _ = world
    run, code, done = place / "walk", 0, []
    for point in range(9, MOST_POINTS, STRIDE):
        code = tiny.fork(lambda point=point: die_at(run, asked, point))
        check(run)
        done.append(RunFolder(run).read(run / "stages.json").get("done", 0))
        if code == ExitCode.DONE:
            break
        assert code == -signal.SIGKILL
    assert code == ExitCode.DONE
    assert {0, 1} <= set(done[:-1])  # it died in the first stage, and in the second
    ends_the_same(place, run)
