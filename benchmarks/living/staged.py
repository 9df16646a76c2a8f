"""Runs that were never trained: rows and folders as a job leaves them, with invented events. For loads and for tests
of the page; nothing of it is a result.
"""

import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.jobs import events, rows
from backend.jobs.events import Attempt, Evaluation, Memory, Phase, Rewards, Sample, Step
from backend.jobs.folder import RunFolder
from backend.jobs.model import JobState, NewJob
from backend.jobs.service import Jobs
from backend.ledger.store import Ledger
from backend.paths import Workspace
from backend.people import HOME

QUESTIONS = (
    ("Câte picioare are pinguinul?", "Pinguinul are două picioare."),
    ("Care este capitala Bulgariei?", "Capitala Bulgariei este Sofia."),
    ("Care este opusul cuvântului „mic”?", "Opusul cuvântului „mic” este „mare”."),
    ("Cât fac trei plus trei?", "Trei plus trei fac șase."),
    ("What is the capital of Bulgaria?", "The capital of Bulgaria is Sofia."),
)
WAY = {
    JobState.RUNNING: (JobState.STARTING, JobState.RUNNING),
    JobState.DONE: (JobState.STARTING, JobState.RUNNING, JobState.DONE),
    JobState.INTERRUPTED: (JobState.STARTING, JobState.RUNNING, JobState.INTERRUPTED),
    JobState.QUEUED: (),
}


@dataclass(frozen=True)
class Course:
    """How an invented run goes. `gpu`: its memory is that of a card; `preferring`: it learns from pairs of answers."""

    steps: int = 400
    seconds: float = 0.25
    start: float = 3.1
    floor: float = 0.6
    every: int = 20
    seed: int = 0
    gpu: bool = False
    preferring: bool = False

    def loss(self, step: int) -> float:
        return self.floor + (self.start - self.floor) * math.exp(-6 * step / max(self.steps, 1))

    def begin(self) -> Iterator[events.Said]:
        yield Attempt(number=1)
        for t, name in ((0.1, "loading"), (0.9, "checking"), (4.0, "evaluating")):
            yield Phase(t=t, name=name)
            yield self.memory(t, 0)
        yield from self.look(0, 4.8)
        yield Phase(t=6.5, name="training")

    def time(self, step: int) -> float:
        return 6.5 + step * self.seconds + (step // self.every) * 1.6

    def step(self, step: int) -> Step:
        chance = random.Random(self.seed * 1_000_003 + step)
        share = step / self.steps
        return Step(
            t=self.time(step), step=step, total=self.steps, tokens=step * 640,
            tokens_per_second=2400 + 160 * chance.random(),
            loss=self.loss(step) * (1 + 0.12 * chance.gauss(0, 1) * math.exp(-share)),
            learning_rate=4e-3 * min(share / 0.05, 1 - share + 0.05),
            grad_norm=0.4 + 1.6 * math.exp(-4 * share) * (0.7 + 0.6 * chance.random()),
            eta_seconds=(self.steps - step) * self.seconds, rewards=self.rewards(step),
        )  # fmt: skip

    def at(self, step: int) -> Iterator[events.Said]:
        """What is said at one step."""
        t = self.time(step)
        yield self.step(step)
        if step % 4 == 0:
            yield self.memory(t, step)
        if step % self.every == 0:
            yield Phase(t=t, name="evaluating")
            yield from self.look(step, t + 0.7)
            yield Phase(t=t + 1.6, name="training")

    def look(self, step: int, t: float) -> Iterator[events.Said]:
        yield Evaluation(t=t, step=step, loss=self.loss(step) * 1.06, rewards=self.rewards(step))
        yield Phase(t=t, name="answering")
        for index, (question, expected) in enumerate(QUESTIONS):
            words = expected.split()
            known = min(len(words), round(len(words) * step / self.steps * (1.9 - 0.25 * index)))
            answer = " ".join([*words[:known], *(["Il", "the", "doi", "care"][: len(words) - known])])
            yield Sample(t=t + 0.6, step=step, index=index, question=question, answer=answer, expected=expected)

    def rewards(self, step: int) -> Rewards | None:
        share = step / self.steps
        return Rewards(chosen=share, rejected=-3 * share, accuracy=0.5 + share / 2) if self.preferring else None

    def memory(self, t: float, step: int) -> Memory:
        base = int((0.97 + 0.18 * min(1.0, step / 40)) * 1e9)
        if not self.gpu:
            return Memory(t=t, process=base)
        return Memory(t=t, process=base, allocated=base * 4, reserved=base * 5, card=base * 7)

    def whole(self, until: int | None = None) -> Iterator[events.Said]:
        yield from self.begin()
        for step in range(1, (until or self.steps) + 1):
            yield from self.at(step)


def write(path: Path, said: Iterable[events.Said]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.writelines(events.line(one) for one in said)


def stage(workspace: Workspace, name: str, state: JobState, **request: Any) -> RunFolder:
    """A run of this name in this state, of the person at home; what it says is left to the caller."""
    ledger = Ledger(workspace.ledger)
    jobs = Jobs(ledger, workspace)
    job = jobs.submit(HOME, NewJob("train", name, request, forecast_bytes=1_250_000_000))
    with ledger.write() as opened:
        for to in WAY[state]:
            rows.move(opened, job, to)
            job = rows.get(opened, job.id) or job
    ledger.close()
    return jobs.folder(job)
