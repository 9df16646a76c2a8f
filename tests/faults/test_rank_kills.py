"""Processes of a shared run are killed at random: the others stop within seconds, and the run ends as if nothing was.

`STUDIO_KILLS` sets how many kills at random moments (1 by default).
"""

import os
import random
import signal
from pathlib import Path

import psutil
import pytest

from backend.jobs.folder import RunFolder
from backend.jobs.model import Job, JobState, NewJob
from backend.people import HOME
from tests import tiny
from tests.faults.stage import Stage, ends, until

KILLS = int(os.environ.get("STUDIO_KILLS", "1"))
SEED = int(os.environ.get("STUDIO_SEED", "0"))
STEPS = 60
# From the death of one to the end of all: torchrun looks ten times a second.
SECONDS = 20.0

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="processes are ended by signals"),
    pytest.mark.timeout(300 + 60 * KILLS),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Stage, dict[str, object], Path]:
    folder = tmp_path_factory.mktemp("ranks")
    asked = tiny.request(
        folder,
        tiny.make_model(folder / "model"),
        tiny.chats(40),
        schedule={"max_steps": STEPS},
        watching={"save_every": 4, "eval_every": 16},
        compute={"devices": 2},
    )
    alone = {**asked, "recipe": {**asked["recipe"], "compute": {"devices": 1}}}
    assert tiny.run(folder / "alone", alone)[0] == 0
    return Stage.at(folder / "workspace"), asked, folder / "alone"


def submit(stage: Stage, asked: dict[str, object], name: str) -> Job:
    return stage.jobs.submit(HOME, NewJob("train", name, asked))


def ranks(stage: Stage, job: Job) -> list[psutil.Process]:
    """The processes that train, as far as they have come to it."""
    claim = next((claim for claim in stage.claims.held() if claim.job.id == job.id), None)
    if claim is None or claim.process is None or not claim.process.same:
        return []
    found = []
    for child in psutil.Process(claim.process.pid).children():
        try:
            if "backend.training.rank" in child.cmdline() and child.status() != psutil.STATUS_ZOMBIE:
                found.append(child)
        except psutil.Error:
            continue
    return found


def step(stage: Stage, job: Job) -> int:
    return max((event.step for event in stage.jobs.folder(job).said() if event.type == "step"), default=0)


def losses(folder: Path, stage: Stage, job: Job) -> tuple[list[float], list[float]]:
    """Of one process, and of the group: of every step the last that was said."""
    said = {event.step: event.loss for event in stage.jobs.folder(job).said() if event.type == "step"}
    alone = [event.loss for event in RunFolder(folder).said() if event.type == "step"]
    return alone, [said[at] for at in range(1, STEPS + 1)]


def test_a_run_whose_processes_are_killed_at_random_ends_with_the_losses_of_one_that_was_left_alone(world) -> None:
    stage, asked, alone = world
    dice = random.Random(SEED)
    job = submit(stage, asked, "killed")
    loop = stage.loop(worker="backend.worker", losses=KILLS + 1, starting=60.0)
    for number in range(1, KILLS + 1):
        goal = number * STEPS // (KILLS + 1) - dice.randrange(4)
        until(lambda goal=goal: step(stage, job) >= goal and len(ranks(stage, job)) == 2, each=loop.beat)
        both = ranks(stage, job)
        dice.choice(both).send_signal(signal.SIGKILL)
        until(lambda both=both: not any(alive(one) for one in both), each=loop.beat, seconds=SECONDS)
        until(lambda number=number: stage.job(job).attempt > number, each=loop.beat)
    ended = ends(stage, loop, job)
    assert (ended.state, ended.attempt) == (JobState.DONE, KILLS + 1)
    wanted, got = losses(alone, stage, job)
    assert got == pytest.approx(wanted, abs=1e-4)
    notes = [event.key for event in stage.jobs.folder(job).said() if event.type == "note"]
    assert notes == ["training.rank_lost"] * KILLS


@pytest.mark.slow
def test_no_process_goes_on_when_that_of_the_job_is_killed(world) -> None:
    """Their sessions are their own, so nothing that is sent to the job's group reaches them."""
    stage, asked, _ = world
    job = submit(stage, asked, "orphans")
    loop = stage.loop(worker="backend.worker", losses=0, starting=60.0)
    until(lambda: step(stage, job) >= 1 and len(ranks(stage, job)) == 2, each=loop.beat)
    both = ranks(stage, job)
    both[0].parent().send_signal(signal.SIGKILL)
    until(lambda: not any(alive(one) for one in both), seconds=SECONDS)
    ended = ends(stage, loop, job)
    assert (ended.state, ended.reason_key) == (JobState.INTERRUPTED, "jobs.lost_often")


def alive(one: psutil.Process) -> bool:
    try:
        return one.is_running() and one.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
