"""Data sets that are here, imports on their way, and what a deletion means: lines of lists, one of them in detail."""

from collections.abc import Iterable, Mapping
from typing import Any

from backend.data.datasets import Dataset, Step
from backend.data.doctor import fixing
from backend.data.preparing.simple import STEPS as FIELDS
from backend.data.review import request as reviewed
from backend.data.versions.comparison import Comparison
from backend.errors import JobError, StudioError
from backend.jobs.model import Job, JobState
from studio.text import Words
from studio.views.models.found import spoken
from studio.views.models.mine import shortened

STEPS = ("split", "mix", "filter", "clean", "as_chat")
REVIEWED = ("approved", "edited", "rejected", "disagreement")
# Which job made it, and what the step itself is called.
UNSAID = ("job", "step")
SETTINGS = frozenset(one.name for fields in FIELDS.values() for one in fields)


def place(error: StudioError) -> str:
    """The field at which a refusal is shown; "" for the one that was sent."""
    return "rows" if error.key == "hub.corpus_rows" else "name" if isinstance(error, JobError) else ""


def line(found: Dataset, language: str, versions: int, runs: Iterable[Job], words: Words) -> dict[str, Any]:
    """One line of the list. `found`: what a search looks through beside the name."""
    used = len(tuple(runs))
    said = [
        words.said(f"mapping.shape.{found.shape}"),
        words.count("data.rows", found.rows),
        spoken([language], words) if language else "",
        words.count("data.versions", versions) if versions > 1 else "",
        words.count("data.used", used) if used else "",
    ]
    return {
        "id": found.id,
        "name": found.title(words.language),
        "shipped": words.t("data.shipped") if found.shipped else "",
        "detail": " · ".join(filter(None, said)),
        "own": not found.shipped,
    }


def details(found: Dataset, listed: dict[str, Any], versions: list[Dataset], words: Words) -> dict[str, Any]:
    """Everything about one version but its rows."""
    facts = [
        ("added", words.moment(found.added_at) if found.added_at else ""),
        ("hub", found.hub_id),
        ("licence", found.licence),
        ("skipped", words.number(found.skipped) if found.skipped else ""),
    ]
    return {
        **listed,
        "shape": found.shape,
        "rows": found.rows,
        "tokens": found.shape in ("chat", "text", "preference"),
        "about": found.about.get(words.language) or found.about.get("en", ""),
        "facts": [{"what": words.t(f"data.fact.{what}"), "value": value} for what, value in facts if value],
        "versions": [version(one, found, words) for one in versions] if len(versions) > 1 else [],
    }


def version(one: Dataset, shown: Dataset, words: Words) -> dict[str, Any]:
    """One of several; `did`: what its last step was, with its settings."""
    return {
        "id": one.id,
        "name": words.t("data.version", number=one.version),
        "rows": words.count("data.rows", one.rows),
        "when": words.moment(one.added_at) if one.added_at else "",
        "did": step(one.steps[-1], words) if one.steps else words.t("data.version.first"),
        "current": one.id == shown.id,
        "comparable": bool(one.parent),
    }


def step(one: Step, words: Words) -> str:
    """In words, with how it was set; fixes are the sentences on their buttons, several steps follow one another."""
    if isinstance(one.settings.get("steps"), list):
        parts = [Step(name=str(part.get("step", "")), settings=part) for part in one.settings["steps"]]
        return ", ".join(step(part, words) for part in parts)
    if one.name == fixing.STEP:
        return ", ".join(words.said(f"doctor.fix.{name}") for name in one.settings.get("fixes", ()))
    if one.name == reviewed.NAME:
        return words.t("data.step.review", **{name: words.number(one.settings.get(name, 0)) for name in REVIEWED})
    named = words.t(f"data.step.{one.name}") if one.name in STEPS else one.name.replace("_", " ")
    chosen = {name: value for name, value in one.settings.items() if name not in UNSAID and value not in ("", None)}
    settings = ", ".join(f"{_setting(name, words)}: {plain(value)}" for name, value in chosen.items())
    return f"{named} ({settings})" if settings else named


def _setting(name: str, words: Words) -> str:
    said = words.t(f"data.prepare.field.{name}") if name in SETTINGS else name.replace("_", " ")
    return said[:1].lower() + said[1:]


def plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(plain(one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {plain(one)}" for name, one in value.items())
    return str(value)


def comparison(found: Comparison, words: Words) -> str:
    said = [
        words.count(f"data.compared.{what}", number)
        for what, number in (("added", found.added), ("removed", found.removed), ("changed", found.changed))
        if number
    ]
    same = [words.count("data.compared.same", found.same)] if found.same or not said else []
    return " · ".join([*said, *same])


def removal(name: str, runs: Iterable[Job], versions: int, verdicts: int, words: Words) -> dict[str, Any]:
    """What it would mean, said before it is done."""
    named = [job.name for job in runs]
    lost = words.count("data.remove.runs", len(named), names=shortened(named, words)) if named else ""
    gone = words.count("data.remove.versions", versions, name=name)
    judged = words.count("data.remove.verdicts", verdicts) if verdicts else ""
    return {"said": " ".join(filter(None, [gone, judged, lost or words.t("data.remove.none")]))}


def importing(job: Job, upload: str, status: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """One import on its way. `share` is 0 to 1; None while it is not known."""
    seen, done, total = (status.get(name) for name in ("rows", "done", "total"))
    return {
        "share": min(done / total, 1.0) if job.active and done is not None and total else None,
        "id": job.id,
        "upload": upload,
        "name": job.name,
        "state": job.state.value,
        "word": words.t("data.stopping" if job.stopping else f"data.state.{job.state.value}"),
        "active": job.active,
        "waiting": job.state is JobState.QUEUED,
        "stopping": job.stopping,
        "detail": words.count("data.seen", seen) if job.active and isinstance(seen, int) else "",
        "reason": words.said(job.reason_key, job.reason_values) if job.state is not JobState.STOPPED else "",
    }


def findings(found: Iterable[Mapping[str, Any]], words: Words) -> list[dict[str, Any]]:
    """Of an import, as it has kept them."""
    return [
        {
            "severity": one["severity"],
            "said": one["message"].get(words.language) or one["message"]["en"],
            "rows": words.count("data.rows", one["rows"]) if one["rows"] else "",
            "places": ", ".join(one["places"][:5]),
        }
        for one in found
    ]
