"""Supervisors and workers are killed at random and at every awkward point: every run still ends exactly once.

STUDIO_TEST_KILLS (10 when not set) is how often each kind of process is killed.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

import pytest
from sqlalchemy import select

from backend.jobs import events
from backend.jobs.model import ExitCode, Job, JobState
from backend.ledger import care, schema
from backend.people import HOME
from tests.faults.counter import answer
from tests.faults.dying_supervisor import POINTS
from tests.faults.stage import Stage, until

KILLS = int(os.environ.get("STUDIO_TEST_KILLS", "10"))
STEPS = 40


@dataclass
class Chaos:
    """Keeps two supervisors racing for one workspace, and kills what it can find."""

    stage: Stage
    dice: random.Random
    alive: list[subprocess.Popen[str]] = field(default_factory=list)
    killed: Counter[str] = field(default_factory=Counter)
    refused: int = 0

    def tend(self) -> None:
        """Start one whenever none is left, and every third time two: the one that loses the race must say so and go."""
        for one in [one for one in self.alive if one.poll() is not None]:
            self.alive.remove(one)
            assert one.stderr is not None
            if one.returncode == ExitCode.LOCK_HELD:
                assert "already open" in one.stderr.read()
                self.refused += 1
            else:
                assert one.returncode == -signal.SIGKILL, one.stderr.read()
        if not self.alive:
            self.alive = [self._start() for _ in range(2 if self.killed["supervisor"] % 3 == 0 else 1)]

    def strike(self) -> None:
        """Kill the supervisor that won, or a worker in whatever it is doing."""
        if self.killed["supervisor"] < KILLS and len(self.alive) == 1 and self.dice.random() < 0.5:
            self.alive[0].kill()
            self.alive[0].wait()
            self.killed["supervisor"] += 1
            return
        working = [
            claim.process for claim in self.stage.claims.held() if claim.process is not None and claim.process.same
        ]
        if working and self.killed["worker"] < KILLS:
            os.kill(self.dice.choice(working).pid, signal.SIGKILL)
            self.killed["worker"] += 1

    @property
    def over(self) -> bool:
        return self.killed["supervisor"] >= KILLS and self.killed["worker"] >= KILLS

    def end(self) -> None:
        for one in self.alive:
            one.kill()
            one.wait()

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "backend.jobs.supervisor", "--no-warm", "--worker", "tests.faults.fake_worker"]
        quick = {"STUDIO_STARTING_SECONDS": "2", "STUDIO_MAX_LOSSES": "1000"}
        where = ["--workspace", str(self.stage.workspace.root)]
        return subprocess.Popen(
            [*command, *where], env=os.environ | quick, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )


@pytest.mark.timeout(300 + 60 * KILLS)
def test_random_kills_of_supervisors_and_workers_lose_nothing(stage: Stage) -> None:
    chaos = Chaos(stage, random.Random(7))
    jobs: list[Job] = []
    try:
        while not chaos.over or not all(stage.job(job).ended for job in jobs):
            chaos.tend()
            if not chaos.over and sum(not stage.job(job).ended for job in jobs) < 2:
                number = len(jobs)
                jobs.append(stage.submit(f"run {number}", device=f"gpu:{number % 2}", steps=STEPS, pause=0.02))
            time.sleep(chaos.dice.uniform(0.05, 0.5))
            if not chaos.over:
                chaos.strike()
    finally:
        chaos.end()
    assert chaos.refused >= 1
    assert stage.workspace.ledger
    assert care.is_sound(stage.workspace.ledger)
    for job in jobs:
        ended_once(stage, job)


def ended_once(stage: Stage, job: Job) -> None:
    """Done in the ledger, by exactly one attempt, with the answer and the curve of an undisturbed run."""
    found, folder = stage.job(job), stage.jobs.folder(job)
    with stage.ledger.read() as rows:
        wanted = select(schema.attempts.c.state).where(schema.attempts.c.job_id == job.id)
        states = Counter(rows.execute(wanted).scalars())
    assert (found.state, states["done"]) == (JobState.DONE, 1)
    assert states["interrupted"] == sum(states.values()) - 1 == found.attempt - 1
    assert folder.read(folder.result)["answer"] == answer(STEPS)
    steps = [event.step for event in events.settled(folder.said()) if isinstance(event, events.Step)]
    assert steps == list(range(1, STEPS + 1))


@pytest.mark.parametrize("point", POINTS)
def test_a_supervisor_killed_at_an_awkward_point_loses_nothing_and_starts_nothing_twice(
    stage: Stage, point: str
) -> None:
    odd = {"odd": "killed"} if "settle" in point else {"steps": STEPS, "pause": 0.0}
    job = stage.submit("a", **odd)
    command = [sys.executable, "-m", "tests.faults.dying_supervisor", str(stage.workspace.root), point]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    # Where a worker is on its way it gets the time that a busy machine needs; where none is, nobody waits for it.
    loop = stage.loop(losses=1, starting=60.0 if point == "just after the process was made" else 3.0)
    until(lambda: stage.job(job).ended and not loop.running, each=loop.beat)
    if odd.get("odd"):
        assert (stage.job(job).state, stage.job(job).attempt) == (JobState.INTERRUPTED, 2)
    else:
        ended_once(stage, job)
        assert stage.job(job).attempt == (2 if point == "between claim and process" else 1)


def test_a_damaged_ledger_is_mended_at_the_next_start_and_every_run_is_still_there(stage: Stage) -> None:
    """With a backup from before the second run: that one comes back from its folder."""
    first = stage.submit("first", pause=0, steps=STEPS)
    care.back_up(stage.workspace.ledger)
    second = stage.submit("second", pause=0, steps=STEPS)
    stage.jobs.annotate(HOME, first.id, "a note")
    stage.ledger.close()
    raw = bytearray(stage.workspace.ledger.read_bytes())
    raw[4096:20480] = random.Random(3).randbytes(16384)
    stage.workspace.ledger.write_bytes(raw)
    command = [sys.executable, "-m", "backend.jobs.supervisor", "--until-idle", "--worker", "tests.faults.fake_worker"]
    done = subprocess.run([*command, "--workspace", str(stage.workspace.root)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    again = Stage.at(stage.workspace.root)
    for job in (first, second):
        ended_once(again, job)
    assert len(list(stage.workspace.root.glob("ledger.sqlite.damaged-*"))) >= 1
