"""What the doctor of the data has found: sentences with examples, what mends each, and how long the rows are."""

from collections.abc import Mapping
from typing import Any

from backend.data.doctor.finding import Example, Finding
from backend.data.doctor.report import Report
from backend.data.doctor.rules.sizes import Lengths
from backend.jobs.model import Job, JobState
from studio.text import Words
from studio.views.models.found import spoken


def report(found: Report, words: Words) -> dict[str, Any]:
    languages = [name for name, rows in found.languages.items() if name and rows * 10 >= found.rows]
    said = [
        words.count("data.doctor.rows", found.rows),
        spoken(languages, words) if languages else "",
        words.t("data.doctor.model", name=found.model) if found.model else "",
    ]
    return {
        "said": " · ".join(filter(None, said)),
        "findings": [finding(one, words) for one in found.findings],
        "fixes": list(found.fixes),
        "lengths": lengths(found.lengths, words) if found.lengths else None,
    }


def finding(one: Finding, words: Words) -> dict[str, Any]:
    return {
        "severity": one.severity,
        "word": words.t(f"data.severity.{one.severity}"),
        "said": one.message.get(words.language) or one.message["en"],
        "rows": words.count("data.rows", one.rows) if one.rows else "",
        "examples": [example(shown, words) for shown in one.examples],
        "fix": one.fix,
        "mends": words.said(f"doctor.fix.{one.fix}") if one.fix else "",
        "safe": words.t("data.doctor.safe") if one.safe else "",
    }


def example(one: Example, words: Words) -> dict[str, str]:
    """The text in three parts, of which the middle one is meant."""
    return {
        "place": one.place,
        "before": one.text[: one.start],
        "mark": one.text[one.start : one.end],
        "after": one.text[one.end :],
        "like": words.t("data.doctor.like", place=one.like) if one.like else "",
    }


def lengths(found: Lengths, words: Words) -> dict[str, Any]:
    most = max((rows for _, rows in found.classes), default=1) or 1
    bars = [
        {
            "upto": words.number(tokens),
            "rows": words.number(rows),
            "share": rows / most,
            "over": tokens > found.most,
        }
        for tokens, rows in found.classes
    ]
    values = {"most": words.number(found.most), "longest": words.number(found.longest)}
    said = (
        words.count("data.doctor.over", found.over, **values) if found.over else words.t("data.doctor.fits", **values)
    )
    return {"said": said, "bars": bars}


def working(job: Job, action: str, status: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """A check or a fix; `reason`: why it ended without being done."""
    seen = status.get("rows")
    failed = job.ended and job.state is not JobState.STOPPED
    return {
        "job": job.id,
        "action": action,
        "busy": not job.ended,
        "said": words.t(f"data.doctor.{action}ing") if job.active else words.t("data.doctor.waits"),
        "detail": words.count("data.seen", seen) if job.active and isinstance(seen, int) else "",
        "reason": words.said(job.reason_key, job.reason_values) if failed else "",
    }
