"""All that was measured of one run, read from its folder."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from backend.jobs import events
from backend.jobs.folder import RunFolder
from backend.jobs.model import Job, JobState
from backend.jobs.tail import Tail
from backend.recipes.schema import Recipe

FELL_APART = {"jobs.diverged", "training.diverged"}
PIECE_BYTES = 2**20


@dataclass(frozen=True)
class Evaluation:
    """`loss`: of all held-out rows, None when it was no number; `each`: of the rows one by one; `ordered`: the share of
    held-out pairs in the right order, where there are pairs.
    """

    step: int
    loss: float | None
    each: tuple[float | None, ...] = ()
    ordered: float | None = None


@dataclass(frozen=True)
class Score:
    """The check of one language, or of a group without one (""): answers as expected, before and after."""

    group: str
    before: int
    after: int
    count: int
    gained: int
    lost: int


@dataclass(frozen=True)
class Setting:
    """What the run was asked to do. `rows`: of the data set."""

    recipe: Recipe = field(default_factory=lambda: Recipe.model_validate({"title": {}, "about": {}}))
    model: str = ""
    data: str = ""
    rows: int = 0


@dataclass(frozen=True)
class Measured:
    """`train`: (step, loss) in order, None where the loss was no number; `total`: steps that were meant to be."""

    setting: Setting = Setting()
    whole: bool = True
    stopped: bool = False
    fell_apart: bool = False
    made: bool = True
    total: int = 0
    train: tuple[tuple[int, float | None], ...] = ()
    held_out: tuple[Evaluation, ...] = ()
    scores: tuple[Score, ...] = ()

    @property
    def steps(self) -> int:
        return self.train[-1][0] if self.train else 0


def read(job: Job, folder: RunFolder) -> Measured | None:
    """What is known of a run that has ended; None for one that has not, or was not trained here.

    Of a chain: of its newest stage, for each stage is measured on rows of its own.
    """
    folder = folder.latest()
    request = folder.read(folder.request)
    if not job.ended or job.kind not in ("train", "chain") or "recipe" not in request:
        return None
    try:
        recipe = Recipe.model_validate(request["recipe"])
    except ValidationError:  # of another version of the studio
        return None
    said = list(settled(folder.events))
    steps = [one for one in said if isinstance(one, events.Step)]
    notes = {one.key for one in said if isinstance(one, events.Note)}
    result = folder.read(folder.result)
    # What was measured after the state that was kept says nothing about it.
    last = result.get("kept_step") or float("inf")
    return Measured(
        setting=Setting(recipe, request["model"]["id"], request["data"]["id"], request["data"]["rows"]),
        whole=job.state is JobState.DONE,
        stopped=job.state is JobState.STOPPED,
        fell_apart=job.state is JobState.FAILED and bool(FELL_APART & {job.reason_key, *notes}),
        made=folder.adapter.exists() or folder.model.exists(),
        total=steps[-1].total if steps else 0,
        train=tuple((one.step, number(one.loss)) for one in steps),
        held_out=tuple(
            Evaluation(one.step, number(one.loss), one.each, one.rewards.accuracy if one.rewards else None)
            for one in said
            if isinstance(one, events.Evaluation) and one.step <= last
        ),
        scores=tuple(scores(result.get("checks", {}))),
    )


def settled(path: Path) -> Iterable[Any]:
    """The events without those of steps that were repeated; of kinds that a verdict needs."""
    wanted = (events.Attempt, events.Step, events.Evaluation, events.Note)
    found = [one for piece in Tail(path).pieces(PIECE_BYTES) for one in piece if isinstance(one, wanted)]
    return events.settled(found)


def scores(checks: dict[str, dict[str, int]]) -> Iterable[Score]:
    return (Score(group, **figures) for group, figures in checks.items())


def number(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None
