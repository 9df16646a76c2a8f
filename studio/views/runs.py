"""Runs as things to show: one line of the list, what stands over the curves. Plain values out."""

from math import ceil
from typing import Any

from backend.jobs.model import Job, JobState
from studio.text import Words, clock
from studio.views.curves.series import Curves
from studio.views.queue import MINUTE, Place


def run_line(job: Job, curves: Curves | None, words: Words, place: Place | None = None) -> dict[str, Any]:
    """One row of the list of runs. Moments are UTC epoch seconds: the browser knows the person's time zone.

    `share` is 0 to 1, or None while nothing is known; `starts` is to the minute, so that it does not flicker, and
    never too early; not `sure`: the earliest that it can be.
    """
    last = curves.last if curves else None
    return {
        "id": job.id,
        "name": job.name,
        "state": job.state.value,
        "word": words.t("runs.stopping" if job.stopping else f"state.{job.state.value}"),
        "active": job.active,
        "stopping": job.stopping,
        "resumable": job.resumable and not job.recorded,
        "kind": "recorded" if job.recorded else job.kind,
        "pinned": job.pinned,
        "note": job.note,
        "ended": job.ended_at if job.ended else None,
        "position": place.position if place else None,
        "startAt": job.start_at if job.state is JobState.QUEUED else None,
        "starts": ceil(place.start / MINUTE) * MINUTE if place and place.start is not None else None,
        "sure": place.sure if place else True,
        "share": 1.0 if job.state is JobState.DONE else last.step / last.total if last and last.total else None,
        "detail": progress(job, curves, words),
    }


def progress(job: Job, curves: Curves | None, words: Words) -> str:
    """How far it is, in words: step, time, speed."""
    last = curves.last if curves else None
    if job.state is JobState.QUEUED:
        return ""
    if job.active and (curves is None or curves.begins(job.attempt)):
        return _beginning(job, curves, words)
    if curves is None or last is None:
        return ""
    said = [*stage(job, curves, words)]
    said.append(words.t("runs.step", step=words.number(last.step), total=words.number(last.total)))
    if not job.active:
        return " · ".join([*said, clock(curves.now)])
    if last.eta_seconds is not None:
        said.append(words.t("runs.time", done=clock(curves.now), left=clock(last.eta_seconds)))
    said.append(words.t("runs.speed", speed=words.number(last.tokens_per_second)))
    return " · ".join(said)


def _beginning(job: Job, curves: Curves | None, words: Words) -> str:
    """What it does before its first step; the libraries take a while before the run itself can say anything."""
    silent = curves is None or curves.doing is None or curves.silent(job.attempt)
    said = "runs.loading" if curves is None or silent else f"phase.{curves.doing}"
    parts = [*(stage(job, curves, words) if curves and not silent else []), words.t(said)]
    if curves is not None and curves.step:
        parts.append(words.t("runs.goes_on", step=words.number(curves.step)))
    return " · ".join(parts)


def stage(job: Job, curves: Curves, words: Words) -> list[str]:
    """Of a chain that is not done: which of its stages it is in."""
    now = curves.stage
    if now is None or job.state is JobState.DONE:
        return []
    title = now.title.get(words.language) or now.title.get("en", "")
    return [words.t("runs.stage", number=now.number, count=now.count, title=title)]


def status(job: Job, curves: Curves, words: Words) -> dict[str, Any]:
    """What stands over and under the curves of the chosen run."""
    return {
        **run_line(job, curves, words),
        "reason": reason(job, curves, words),
        "saved": curves.saved,
        "time": words.duration(curves.now) if job.ended and curves.now else "",
        "phase": words.t(f"phase.{curves.phases[-1][1]}")
        if curves.phases and job.active and not curves.begins(job.attempt)
        else "",
        "peak": words.size(curves.peak_memory) if curves.peak_memory else "",
        "notes": [words.said(note.key, note.values) for note in curves.notes[-5:] if note.key != job.reason_key],
    }


def reason(job: Job, curves: Curves, words: Words) -> str:
    """Why it ended; of a run that was stopped also what was saved, and from where it would go on."""
    if job.reason_key != "jobs.stopped" or job.kind not in ("train", "chain"):
        return words.said(job.reason_key, job.reason_values)
    if curves.step and curves.saved == curves.step:
        return words.t("runs.stopped.saved", step=words.number(curves.saved))
    if curves.saved:
        return words.t("runs.stopped.before", step=words.number(curves.saved))
    return words.t("runs.stopped.nothing")
