"""SIGKILL at random moments while corpora are streamed: no window is repeated or skipped, the result is the same.

`STUDIO_KILLS` sets how many kills (3 by default).
"""

import os
import random
import signal
import time

import pytest

from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from tests import tiny
from tests.backend.test_training_corpora import asked

KILLS = int(os.environ.get("STUDIO_KILLS", "3"))
SEED = int(os.environ.get("STUDIO_SEED", "0"))
STEPS = 24

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills are dealt to forks")


@pytest.mark.timeout(300 + 60 * KILLS)
def test_kills_while_texts_are_streamed_repeat_and_skip_nothing(tmp_path):
    request = asked(
        tmp_path,
        tiny.make_model(tmp_path / "model"),
        (1, 2),
        lora={"dropout": 0.1},
        schedule={"max_steps": STEPS},
        watching={"save_every": 2, "eval_every": 9, "eval_share": 0.1},
    )
    code, whole = tiny.run(tmp_path / "whole", request)
    assert code == ExitCode.DONE
    run, dice, attempt = RunFolder(tmp_path / "run"), random.Random(SEED), 0
    for _ in range(KILLS):
        attempt += 1
        assert _killed(run, request, attempt, _steps(run) + dice.randint(1, STEPS // (KILLS + 1))) == -signal.SIGKILL
    assert tiny.fork(lambda: tiny.run(run.path, request, attempt=attempt + 1)[0]) == ExitCode.DONE
    begun = [event.from_step for event in run.said() if event.type == "attempt"]
    assert begun == sorted(begun)
    assert begun[-1] > 0
    assert _losses(run.said()) == _losses(whole)
    assert tiny.same_adapters(tmp_path / "whole", run.path)


def _killed(run, request, attempt, step):
    """One attempt that dies some time after it has said this step; how it ended."""
    child = os.fork()
    if child == 0:
        os._exit(tiny.run(run.path, request, attempt=attempt)[0])
    while _steps(run) < step and os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _steps(run):
    return max((event.step for event in run.said() if event.type == "step"), default=0) if run.events.exists() else 0


def _losses(said):
    """Of every step, as it was said last: a step after the last checkpoint is done again."""
    return {event.step: event.loss for event in said if event.type == "step"}
