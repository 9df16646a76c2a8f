"""Runs as things to show: one line of the list, the line over the curves, the answers. Plain values out."""

from typing import Any

from backend.jobs.model import Job, JobState
from studio.text import Words, clock
from studio.views.series import Curves, bucketed


def run_line(job: Job, curves: Curves | None, words: Words) -> dict[str, Any]:
    """One row of the list of runs; `share` is 0 to 1, or None while nothing is known."""
    last = curves.last if curves else None
    return {
        "id": job.id,
        "name": job.name,
        "state": job.state.value,
        "word": words.t(f"state.{job.state.value}"),
        "active": job.active,
        "share": 1.0 if job.state is JobState.DONE else last.step / last.total if last and last.total else None,
        "detail": progress(job, curves, words),
    }


def progress(job: Job, curves: Curves | None, words: Words) -> str:
    """How far it is, in words: step, time, speed."""
    last = curves.last if curves else None
    if job.state is JobState.QUEUED:
        return words.t("runs.waiting")
    if curves is None or last is None:
        return words.t(f"phase.{curves.phases[-1][1]}") if curves and curves.phases and job.active else ""
    said = [words.t("runs.step", step=words.number(last.step), total=words.number(last.total))]
    if not job.active:
        return " · ".join([*said, clock(curves.now)])
    if last.eta_seconds is not None:
        said.append(words.t("runs.time", done=clock(curves.now), left=clock(last.eta_seconds)))
    said.append(words.t("runs.speed", speed=words.number(last.tokens_per_second)))
    return " · ".join(said)


def status(job: Job, curves: Curves, words: Words) -> dict[str, Any]:
    """What stands over and under the curves of the chosen run."""
    return {
        **run_line(job, curves, words),
        "reason": words.said(job.reason_key, job.reason_values),
        "phase": words.t(f"phase.{curves.phases[-1][1]}") if curves.last and curves.phases and job.active else "",
        "memory": memory(job, curves, words) if curves.memory else "",
        "notes": [words.said(note.key, note.values) for note in curves.notes[-5:]],
        "stoppable": job.active or job.state is JobState.QUEUED,
        "resumable": job.resumable,
    }


def memory(job: Job, curves: Curves, words: Words) -> str:
    """The highest moment so far; beside it what had been forecast."""
    peak = words.size(curves.peak_memory)
    if job.forecast_bytes is None:
        return words.t("runs.memory", peak=peak)
    return words.t("runs.memory_beside", peak=peak, forecast=words.size(job.forecast_bytes))


def curves_in_full(curves: Curves) -> dict[str, Any]:
    """The whole picture for somebody who has just opened the run: at most 2,000 points a curve."""
    return {
        "reset": True,
        "loss": bucketed(curves.loss),
        "eval": bucketed(curves.eval),
        "memory": bucketed(curves.memory),
        "phases": curves.phases,
        "now": curves.now,
        "answers": answers(curves),
    }


def curves_since(curves: Curves, loss: int, evaluated: int, memory: int) -> dict[str, Any]:
    """What was added after the first `loss`, `evaluated` and `memory` points."""
    return {
        "reset": False,
        "loss": curves.loss[loss:],
        "eval": curves.eval[evaluated:],
        "memory": curves.memory[memory:],
        "phases": curves.phases,
        "now": curves.now,
        "answers": answers(curves),
    }


def answers(curves: Curves) -> list[dict[str, Any]]:
    """The test questions' answers, one entry per step at which they were asked."""
    return [
        {
            "step": step,
            "rows": [
                {"question": found.question, "answer": found.answer, "expected": found.expected}
                for _, found in sorted(by_index.items())
            ],
        }
        for step, by_index in sorted(curves.answers.items())
    ]
