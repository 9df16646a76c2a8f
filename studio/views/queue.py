"""When each waiting run will probably start: pure arithmetic over the queue and the forecasts."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise

from backend import devices
from backend.jobs.model import Job, JobState
from studio.views.curves.series import Curves

MINUTE = 60.0
ASKING = ("evaluating", "answering")


@dataclass(frozen=True)
class Place:
    """`position` counts from 1; `start` is UTC epoch seconds, None when nothing is known of it.

    `sure`: everything before it is forecast; if not, `start` is the earliest that it can be.
    """

    position: int
    start: float | None
    sure: bool = True


@dataclass(frozen=True)
class Going:
    """What an active run still needs, in seconds (None: nobody knows), and how many times its forecast it takes."""

    left: float | None
    slower: float = 1.0


def waiting(jobs: Iterable[Job]) -> list[Job]:
    """The queue, next one first."""
    return sorted((job for job in jobs if job.state is JobState.QUEUED), key=lambda job: job.position)


def places(
    jobs: Iterable[Job], going: Mapping[str, Going], seconds: Callable[[Job], float | None], now: float
) -> dict[str, Place]:
    """By run. `going`: the active runs; `seconds`: what a waiting run was forecast to take.

    One run at a time on each device, in the order of the queue; one that may not start yet lets others pass. Where the
    active run takes longer than was forecast, so will those behind it.
    """
    every = list(jobs)
    queue = waiting(every)
    starts: dict[str, tuple[float, bool]] = {}
    for device in {job.device for job in queue}:
        alike = [job for job in every if not devices.apart(job.device, device)]
        in_line = all(not devices.apart(one.device, other.device) for one, other in combinations(alike, 2))
        busy = [going.get(job.id, Going(None)) for job in alike if job.active]
        # What runs side by side, on some of several cards, is over when the longest of it is.
        free = now + (sum if in_line else max)([0.0, *(one.left or 0.0 for one in busy)])
        slower = max((one.slower for one in busy), default=1.0)
        mine = [job for job in queue if job.device == device or (in_line and job in alike)]
        takes = {job.id: _longer(seconds(job), slower) for job in mine}
        turns = _in_turn(mine, free, takes, sure=in_line and all(one.left is not None for one in busy))
        starts |= {job.id: turns[job.id] for job in mine if job.device == device}
    return {job.id: _place(number, *starts[job.id], now) for number, job in enumerate(queue, start=1)}


def in_queue(
    jobs: Iterable[Job],
    curves: Mapping[str, Curves],
    seconds: Callable[[Job], float | None],
    now: Callable[[], float] = time.time,
) -> dict[str, Place]:
    """As `places`, now; what an active run still needs is what it says itself, before its first step its forecast."""
    every = list(jobs)
    if not waiting(every):
        return {}
    moment = now()
    active = {job.id: going(job, curves.get(job.id), seconds(job), moment) for job in every if job.active}
    return places(every, active, seconds, moment)


def going(job: Job, curves: Curves | None, forecast: float | None, now: float) -> Going:
    """`forecast` is seconds for the whole of it; `now` UTC epoch seconds.

    The questions that were asked before the first step are asked again at the end, and take as long.
    """
    last = curves.last if curves else None
    if curves is None or last is None or last.eta_seconds is None:
        return Going(forecast)
    asking = _asking(curves)
    if curves.begins(job.attempt):
        return Going(last.eta_seconds + _before_training(curves) + asking)
    whole = last.t + last.eta_seconds + asking
    slower = max(whole / forecast, 1.0) if forecast else 1.0
    return Going(max(last.at + last.eta_seconds + asking - now, 0.0), slower)


def _longer(forecast: float | None, slower: float) -> float | None:
    return None if forecast is None else forecast * slower


def _before_training(curves: Curves) -> float:
    return next((t for t, name in curves.phases if name == "training"), 0.0)


def _asking(curves: Curves) -> float:
    """Seconds that its questions took before it was trained."""
    begun = _before_training(curves)
    return sum(after - t for (t, name), (after, _) in pairwise(curves.phases) if name in ASKING and after <= begun)


def _place(number: int, start: float, sure: bool, now: float) -> Place:
    """That it is later than now says nothing."""
    return Place(number, start if sure or start > now + MINUTE else None, sure)


def _in_turn(
    queue: list[Job], free: float, takes: Mapping[str, float | None], *, sure: bool
) -> dict[str, tuple[float, bool]]:
    """`free`: when the device is free for the first of them; if not `sure`, the earliest that it can be."""
    starts: dict[str, tuple[float, bool]] = {}
    rest = list(queue)
    while rest:
        moment = max(free, min(job.start_at or 0.0 for job in rest))
        following = next(job for job in rest if (job.start_at or 0.0) <= moment)
        rest.remove(following)
        starts[following.id] = moment, sure
        needs = takes[following.id]
        free, sure = moment + (needs or 0.0), sure and needs is not None
    return starts
