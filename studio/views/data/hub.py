"""A data set of the Hub before it is fetched, and on its way."""

from collections.abc import Mapping
from typing import Any

from backend.hub.corpora.offer import CorpusOffer
from backend.hub.submit import Room
from backend.jobs.model import Job
from studio.text import Words
from studio.views.models.found import licence, no_room
from studio.views.models.mine import coming

PAGE = "https://huggingface.co/datasets/{id}"


def offer(found: CorpusOffer, space: Room, words: Words, *, token: bool) -> dict[str, Any]:
    """Everything before it is fetched; `can`: nothing but the licence stands between."""
    problem = found.problem.say(words.language) if found.problem else ""
    room = "" if space.enough else no_room(space, words)
    gated = words.t("data.hub.gated") if found.gated and not token else ""
    size = words.count("data.hub.files", len(found.files), size=words.size(found.bytes))
    return {
        "id": found.hub_id,
        "link": PAGE.format(id=found.hub_id),
        "config": found.config,
        "split": found.split,
        "configs": list(found.configs),
        "splits": list(found.splits),
        "size": size if found.files else "",
        "licence": licence(found.licence.title) or words.t("data.hub.no_licence"),
        "licence_link": found.licence.link or "",
        "digest": found.licence.digest,
        "problem": problem,
        "room": room,
        "gated": gated,
        "can": not problem and not gated and bool(found.files),
    }


def fetching(job: Job, hub_id: str, total: int, status: Mapping[str, Any], words: Words) -> dict[str, Any]:
    return coming(job, hub_id, total, status, words)
