"""Captioning jobs and their captions as things to show. Plain values out."""

from collections.abc import Mapping, Sequence
from typing import Any

from backend.captions import prompts
from backend.captions.book import Entry
from backend.captions.request import CaptionRequest
from backend.jobs.model import Job, JobState
from backend.messages import LANGUAGES
from studio.text import Words, clock


def line(job: Job, asked: CaptionRequest, status: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """One job of the list. `share` is 0 to 1; None while it is not known."""
    known = _known(status)
    return {
        "id": job.id,
        "name": job.name,
        "state": job.state.value,
        "word": words.t("runs.stopping" if job.stopping else f"state.{job.state.value}"),
        "active": job.active,
        "waiting": job.state is JobState.QUEUED,
        "stopping": job.stopping,
        "resumable": job.resumable,
        "share": known[0] / known[1] if known and not job.ended else None,
        "detail": _detail(job, asked, status, words),
        "reason": words.said(job.reason_key, job.reason_values) if job.state is JobState.FAILED else "",
    }


def _detail(job: Job, asked: CaptionRequest, status: Mapping[str, Any], words: Words) -> str:
    """How far it is, how long it still takes, and who captions."""
    known, said = _known(status), []
    if known:
        said.append(words.t("captions.done", done=words.number(known[0]), total=words.number(known[1])))
    if job.active and status.get("eta_seconds") is not None:
        said.append(words.t("captions.left", left=clock(status["eta_seconds"])))
    return " · ".join([*said, asked.label])


def _known(status: Mapping[str, Any]) -> tuple[int, int] | None:
    """(pictures that were looked at, all of them); None before the first."""
    done, total = status.get("step"), status.get("total")
    return (done, total) if isinstance(done, int) and isinstance(total, int) and total > 0 else None


def page(entries: Sequence[Entry], first: int, most: int, words: Words) -> dict[str, Any]:
    """Some captions from the one with the number `first`, from 0; and all pictures without one, with the reasons."""
    captioned = [entry for entry in entries if not entry.failed]
    failed = [{"name": entry.name, "reason": entry.reason.say(words.language)} for entry in entries if entry.failed]
    shown = [
        {"name": entry.name, "caption": entry.caption, "base": entry.base, "corrected": entry.corrected}
        for entry in captioned[first : first + most]
    ]
    count = words.count("captions.count", len(captioned))
    return {"first": first, "count": len(captioned), "said": count, "rows": shown, "failed": failed}


def questions() -> dict[str, list[str]]:
    """What models may be asked about each picture, by language."""
    return {language: list(prompts.templates(language).values()) for language in LANGUAGES}
