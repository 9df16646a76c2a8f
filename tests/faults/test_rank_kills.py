"""Processes of a shared run are killed at random: the others stop within seconds, and the run ends as if nothing was.

`STUDIO_KILLS` sets how many kills at random moments (1 by default), `STUDIO_CAMPAIGN` how many of each kind the
campaign deals that `--all` runs (5 by default: one of two processes, all of a run, the supervisor).
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from backend.jobs import process
from backend.jobs.folder import RunFolder
from backend.jobs.model import Job, JobState, NewJob
from backend.people import HOME
from tests import tiny
from tests.faults.stage import Stage, ends, until

KILLS = int(os.environ.get("STUDIO_KILLS", "1"))
CAMPAIGN = int(os.environ.get("STUDIO_CAMPAIGN", "5"))
SEED = int(os.environ.get("STUDIO_SEED", "0"))
STEPS = 60
# From the death of one to the end of all: torchrun looks ten times a second.
SECONDS = 20.0
# From the first sight of both processes to the kill, at most: they load for seconds, train for one or two, and end.
LATEST = 9.0

# Memory runs out once, in the second process, at its third step; one more is tried before the first.
FULL_ONCE = """
import os
from pathlib import Path

if os.environ.get("RANK") == "1" and not (said := Path(__file__).with_name("was-full")).exists():
    import torch
    from torch.optim import AdamW

    real, calls = AdamW.step, []

    def step(self, *positional, **named):
        calls.append(self)
        if len(calls) > 3:
            said.touch()
            raise torch.OutOfMemoryError("out of memory")
        return real(self, *positional, **named)

    AdamW.step = step
"""

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="processes are ended by signals"),
    pytest.mark.timeout(300 + 60 * max(KILLS, CAMPAIGN)),
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


class Supervised:
    """A supervisor that is a process of its own; `tend` starts another when it was killed."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._process: subprocess.Popen[bytes] | None = None

    def tend(self) -> None:
        if self._process is None or self._process.poll() is not None:
            quick = {"STUDIO_STARTING_SECONDS": "60", "STUDIO_MAX_LOSSES": "1000"}
            command = [sys.executable, "-m", "backend.jobs.supervisor", "--no-warm"]
            where = ["--workspace", str(self.stage.workspace.root)]
            self._process = subprocess.Popen([*command, *where], env=os.environ | quick)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def end(self) -> None:
        self.kill()
        for claim in self.stage.claims.held():
            if claim.process is not None:
                process.end_group(claim.process, surely=True)


@dataclass
class Campaign:
    """Kills dealt to one run after the other: a run that was faster than the dice is followed by another."""

    supervised: Supervised
    asked: dict[str, object]
    victims: str
    dice: random.Random = field(default_factory=lambda: random.Random(SEED))
    jobs: list[Job] = field(default_factory=list)
    kills: int = 0

    @property
    def stage(self) -> Stage:
        return self.supervised.stage

    def run(self) -> None:
        while self.kills < CAMPAIGN:
            if not self.jobs or self.ended:
                self.jobs.append(submit(self.stage, self.asked, f"run {len(self.jobs)}"))
            self.wait(lambda: self.ended or len(ranks(self.stage, self.jobs[-1])) == 2)
            time.sleep(self.dice.uniform(0.0, LATEST))
            both = ranks(self.stage, self.jobs[-1])
            if not self.ended and len(both) == 2:
                self.strike(both)
        self.wait(lambda: self.ended)

    def strike(self, both: list[psutil.Process]) -> None:
        self.kills += 1
        if self.victims == "the supervisor":
            self.supervised.kill()
            return
        with suppress(psutil.NoSuchProcess):  # it may be over by now
            chosen = [self.dice.choice(both)]
            if self.victims == "the whole group":
                chosen = self.dice.sample([*both, both[0].parent()], 3)
            for one in chosen:
                one.send_signal(signal.SIGKILL)
        self.wait(lambda: not any(alive(one) for one in both), seconds=SECONDS)

    @property
    def ended(self) -> bool:
        return self.stage.job(self.jobs[-1]).ended

    def wait(self, true: Callable[[], bool], seconds: float = 120.0) -> None:
        until(true, each=self.supervised.tend, seconds=seconds)


@pytest.mark.slow
@pytest.mark.parametrize("victims", ["a process", "the whole group", "the supervisor"])
def test_a_campaign_of_kills_changes_no_loss(world, tmp_path: Path, victims: str) -> None:
    """While they load, train, evaluate, save or end."""
    _, asked, alone = world
    stage = Stage.at(tmp_path)
    campaign = Campaign(Supervised(stage), asked, victims)
    try:
        campaign.run()
    finally:
        campaign.supervised.end()
    attempts = 0
    for job in campaign.jobs:
        assert stage.job(job).state == JobState.DONE
        wanted, got = losses(alone, stage, job)
        assert got == pytest.approx(wanted, abs=1e-4)
        attempts += stage.job(job).attempt
    runs = len(campaign.jobs)
    if victims == "the supervisor":  # who watches is not who works: without it a run goes on
        assert attempts == runs
    else:  # a process may die when all is done
        assert runs < attempts <= runs + CAMPAIGN


@pytest.mark.slow
def test_memory_that_ran_out_in_one_process_is_tried_with_half_the_batch_in_all(world, tmp_path, monkeypatch) -> None:
    """The group ends as a whole, says one sentence, and the same steps are taken in twice as many parts."""
    _, asked, alone = world
    stage = Stage.at(tmp_path / "workspace")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "sitecustomize.py").write_text(FULL_ONCE)
    job = submit(stage, asked, "full")
    ended = ends(stage, stage.loop(worker="backend.worker", losses=0, starting=60.0), job)
    assert (ended.state, ended.attempt, ended.memory_failures) == (JobState.DONE, 2, 1)
    wanted, got = losses(alone, stage, job)
    assert got == pytest.approx(wanted, abs=1e-4)
    notes = [event.key for event in stage.jobs.folder(job).said() if event.type == "note"]
    assert notes == ["training.out_of_memory"]


def alive(one: psutil.Process) -> bool:
    try:
        return one.is_running() and one.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
