"""SIGKILL at random moments of a training and at every point of a save: nothing is lost, the result is the same.

`STUDIO_KILLS` sets how many kills at random moments (10 by default).
"""

import os
import random
import signal
import time

import pytest

from backend.jobs import events
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from backend.training import checkpoints
from tests import tiny

KILLS = int(os.environ.get("STUDIO_KILLS", "10"))
SEED = int(os.environ.get("STUDIO_SEED", "0"))
POINTS_OF_A_SAVE = 10
ATTEMPTS = 60

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="kills are dealt to forks"),
    pytest.mark.timeout(300 + 60 * KILLS),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kills")
    asked = tiny.request(
        folder,
        tiny.make_model(folder / "model"),
        tiny.chats(40),
        lora={"dropout": 0.1},
        schedule={"epochs": 2},
        watching={"save_every": 1, "eval_every": 9},
    )
    code, _ = tiny.run(folder / "whole", asked)
    assert code == ExitCode.DONE
    return folder, asked


def _check(run):
    """What is called a checkpoint is whole."""
    for path in RunFolder(run).checkpoints.glob("checkpoint-*"):
        assert checkpoints.flaw(path) is None


def test_kills_at_random_moments_change_nothing(world):
    folder, asked = world
    run, dice = folder / "random", random.Random(SEED)
    seconds = RunFolder(folder / "whole").read(RunFolder(folder / "whole").result)["seconds"]
    kills = 0
    for attempt in range(1, KILLS + ATTEMPTS):
        child = os.fork()
        if child == 0:
            os._exit(tiny.run(run, asked, attempt=attempt)[0])
        if kills < KILLS:
            time.sleep(dice.uniform(0.05, 0.9) * seconds)
            os.kill(child, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        _check(run)
        if code == ExitCode.DONE and kills < KILLS:  # faster than the dice: begin again, the kills are still owed
            assert tiny.same_adapters(folder / "whole", run)
            run = folder / f"random-{attempt}"
        elif code == ExitCode.DONE:
            break
        else:
            assert code == -signal.SIGKILL
            kills += 1
    assert kills == KILLS
    assert tiny.same_adapters(folder / "whole", run)


def test_a_kill_at_each_point_of_a_save_changes_nothing(world, monkeypatch):
    """Each attempt dies a little later: before each flush, before the rename that makes the checkpoint, after it."""
    folder, asked = world
    run = folder / "saving"
    for point in range(1, POINTS_OF_A_SAVE + 1):
        assert tiny.fork(lambda point=point: _run_and_die(run, asked, point)) == -signal.SIGKILL
        _check(run)
    assert tiny.fork(lambda: tiny.run(run, asked, attempt=99)[0]) == ExitCode.DONE
    assert tiny.same_adapters(folder / "whole", run)
    attempts = [event.from_step for event in RunFolder(run).said() if event.type == "attempt"]
    assert attempts[0] == 0
    assert attempts == sorted(attempts)
    assert attempts[-1] > 0


def _run_and_die(run, asked, point):
    """Train; in the second save of this attempt, die at its `point`-th flush or just before its rename."""
    seen, saves = [], []
    flush, sync, save = checkpoints.sync_file, checkpoints.sync_folder, checkpoints.Checkpoints.save

    def count(real, path):
        seen.append(path)
        if len(saves) == 2 and len(seen) == point:
            os.kill(os.getpid(), signal.SIGKILL)
        real(path)

    def counted(self, step, write):
        saves.append(step)
        seen.clear()
        return save(self, step, write)

    checkpoints.sync_file = lambda path: count(flush, path)
    checkpoints.sync_folder = lambda path: count(sync, path)
    checkpoints.Checkpoints.save = counted
    before = checkpoints.shutil.rmtree

    def remove(path, *arguments, **options):
        if len(saves) == 2 and len(seen) and point == POINTS_OF_A_SAVE:
            os.kill(os.getpid(), signal.SIGKILL)
        before(path, *arguments, **options)

    checkpoints.shutil.rmtree = remove
    return tiny.run(run, asked)[0]


def test_kills_change_nothing_of_a_run_that_learns_preferences(tmp_path):
    """Killed within two steps and within a save: the same adapter and losses at the end."""
    asked = tiny.request(
        tmp_path,
        tiny.make_model(tmp_path / "model"),
        tiny.pairs(40),
        objective="preference",
        batch={"size": 4, "max_length": 256},
        schedule={"epochs": 2, "learning_rate": 5e-3},
        watching={"save_every": 1, "eval_every": 9},
    )
    run, dice = tmp_path / "killed", random.Random(SEED)
    assert tiny.fork(lambda: tiny.run(tmp_path / "whole", asked)[0]) == ExitCode.DONE
    for step in (dice.randint(2, 6), dice.randint(2, 6)):
        assert tiny.fork(lambda step=step: _run_and_die_in(run, asked, step)) == -signal.SIGKILL
        _check(run)
    assert tiny.fork(lambda: _run_and_die(run, asked, POINTS_OF_A_SAVE // 2)) == -signal.SIGKILL
    assert tiny.fork(lambda: tiny.run(run, asked, attempt=4)[0]) == ExitCode.DONE
    assert tiny.same_adapters(tmp_path / "whole", run)
    losses = [[one.loss for one in events.settled(RunFolder(path).said()) if one.type == "step"]
              for path in (tmp_path / "whole", run)]  # fmt: skip
    assert losses[0] == losses[1]
    assert len(losses[0]) == 18


def _run_and_die_in(run, asked, step):
    """Train; behind the forward pass of step `step` of this attempt, die."""
    from backend.training.preference.trainer import PreferenceTrainer

    passes, before = [], PreferenceTrainer.compute_loss

    def counted(self, *arguments, **options):
        found = before(self, *arguments, **options)
        passes.append(self.model.training)
        if sum(passes) == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    PreferenceTrainer.compute_loss = counted
    return tiny.run(run, asked)[0]
