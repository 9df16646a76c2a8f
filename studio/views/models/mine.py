"""Models on this computer and on their way to it: lines of lists, what a removal means."""

from collections.abc import Iterable, Mapping
from typing import Any

from backend.errors import JobError, StudioError
from backend.hub.offer import Cached
from backend.hub.removal import Consequences
from backend.jobs.model import Job, JobState
from backend.models.catalogue import Model
from studio.text import Words
from studio.views.models.found import licence

MOST_RUNS_NAMED = 5


def place(error: StudioError) -> str:
    """The field at which a refusal is shown; "" for the one that was sent."""
    return "name" if isinstance(error, JobError) else ""


def mine(model: Model, size: int, runs: Iterable[Job], unfit: StudioError | None, words: Words) -> dict[str, Any]:
    """One line of the list. `train`, `chat` and `see`: whether the buttons are there; `note`: why one is not."""
    named = [job.name for job in runs]
    text = model.kind == "text"
    return {
        "id": model.id,
        "name": model.title(words.language),
        "source": model.source if model.source != model.name else "",
        "shipped": words.t("models.shipped") if model.shipped else "",
        "rounded": words.t("models.rounded") if model.quantised else "",
        "vision": "" if text else words.t("models.kind.vision"),
        "detail": " · ".join(filter(None, [words.size(size), licence(model.licence), needed(named, words)])),
        "note": unfit.say(words.language) if unfit else "",
        "train": unfit is None,
        "chat": text or unfit is None,
        "see": not text and unfit is None,
        "own": not model.shipped,
    }


def needed(runs: list[str], words: Words) -> str:
    return words.count("models.needed", len(runs)) if runs else ""


def removal(found: Consequences, words: Words) -> dict[str, Any]:
    """What it would mean; `busy`: why it cannot be now, or ""."""
    named = [job.name for job in found.runs]
    said = [
        words.t("models.remove.in_place", folder=found.model.location)
        if found.in_place
        else words.t("models.remove.frees", size=words.size(found.frees)),
        words.count("models.remove.needed", len(named), names=shortened(named, words)) if named else "",
    ]
    busy = words.said("hub.delete_busy", {"name": found.model.name, "run": found.busy[0].name}) if found.busy else ""
    return {"said": " ".join(filter(None, said)), "busy": busy}


def shortened(names: list[str], words: Words) -> str:
    """Some names, and how many more."""
    shown, more = names[:MOST_RUNS_NAMED], len(names) - MOST_RUNS_NAMED
    return ", ".join(shown) + (f" {words.t('models.more', count=words.number(more))}" if more > 0 else "")


def cached(found: Cached, words: Words) -> dict[str, Any]:
    return {"id": found.hub_id, "size": words.size(found.size), "folder": found.folder}


def coming(job: Job, hub_id: str, total: int, status: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """One download. `share` is 0 to 1; None while nothing is known."""
    done = status.get("done")
    return {
        "id": job.id,
        "name": hub_id,
        "state": job.state.value,
        "word": words.t("models.stopping" if job.stopping else f"models.state.{job.state.value}"),
        "active": job.active,
        "waiting": job.state is JobState.QUEUED,
        "stopping": job.stopping,
        "share": min(done / total, 1.0) if done is not None and total else None,
        "detail": how_far(job, total, status, words),
        "reason": words.said(job.reason_key, job.reason_values) if job.state is not JobState.STOPPED else "",
    }


def how_far(job: Job, total: int, status: Mapping[str, Any], words: Words) -> str:
    """How much of it is here; while it comes also how fast, for how long still, and which file."""
    if status.get("done") is None:
        return words.t("models.total", total=words.size(total))
    said = [words.t("models.arrived", done=words.size(status["done"]), total=words.size(total))]
    if job.active and status.get("phase") == "checking":
        return " · ".join([*said, words.t("models.checking")])
    if job.active:
        said.append(words.t("models.speed", speed=words.size(status.get("bytes_per_second") or 0)))
        if status.get("eta_seconds") is not None:
            said.append(words.t("models.left", time=words.duration(status["eta_seconds"])))
        said.append(str(status.get("file", "")))
    return " · ".join(filter(None, said))
