"""When each waiting run will probably start: pure arithmetic over the queue and the forecasts."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from backend.jobs.model import Job, JobState
from studio.views.curves.series import Curves


@dataclass(frozen=True)
class Place:
    """`position` counts from 1; `start` is UTC epoch seconds, None when a forecast before it is missing."""

    position: int
    start: float | None


def waiting(jobs: Iterable[Job]) -> list[Job]:
    """The queue, next one first."""
    return sorted((job for job in jobs if job.state is JobState.QUEUED), key=lambda job: job.position)


def places(
    jobs: Iterable[Job], left: Mapping[str, float | None], seconds: Callable[[Job], float | None], now: float
) -> dict[str, Place]:
    """By run. `left`: seconds that each active run still needs; `seconds`: what a waiting run will take.

    One run at a time on each device, in the order of the queue; one that may not start yet lets others pass.
    """
    every = list(jobs)
    queue = waiting(every)
    starts: dict[str, float | None] = {}
    for device in {job.device for job in queue}:
        busy = [left.get(job.id) for job in every if job.active and job.device == device]
        free = None if None in busy else now + sum(time or 0.0 for time in busy)
        starts |= _in_turn([job for job in queue if job.device == device], free, seconds)
    return {job.id: Place(number, starts[job.id]) for number, job in enumerate(queue, start=1)}


def in_queue(
    jobs: Iterable[Job], curves: Mapping[str, Curves], seconds: Callable[[Job], float | None]
) -> dict[str, Place]:
    """As `places`, now; what an active run still needs is what it says itself, before its first step its forecast."""
    every = list(jobs)
    if not waiting(every):
        return {}

    def left(job: Job) -> float | None:
        last = curves[job.id].last if job.id in curves else None
        return seconds(job) if last is None else last.eta_seconds

    return places(every, {job.id: left(job) for job in every if job.active}, seconds, time.time())


def _in_turn(queue: list[Job], free: float | None, seconds: Callable[[Job], float | None]) -> dict[str, float | None]:
    """`free`: when the device is free for the first of them; None when nobody knows."""
    starts: dict[str, float | None] = {}
    rest = list(queue)
    while rest:
        if free is None:
            return starts | {job.id: None for job in rest}
        moment = max(free, min(job.start_at or 0.0 for job in rest))
        following = next(job for job in rest if (job.start_at or 0.0) <= moment)
        rest.remove(following)
        starts[following.id] = moment
        takes = seconds(following)
        free = None if takes is None else moment + takes
    return starts
