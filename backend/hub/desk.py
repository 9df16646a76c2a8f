"""Questions to the Hub from a process that stays offline itself: each is asked by a short process of its own.

Measured: huggingface_hub takes 0.4 s and 28 MB to load and brings no torch; that is paid by the process that asks, and
only when somebody asks.
"""

import json
import os
import subprocess
import sys
from typing import Any

from backend.errors import ModelError
from backend.hub.corpora.offer import CorpusOffer, Wanted
from backend.hub.offer import Cached, Offer, Page, Query
from backend.jobs.supervisor.start import environment
from backend.paths import ROOT
from backend.people import Person

SECONDS = 60.0
# The page switches the library offline for itself and keeps here what the person had said (`studio.framework`).
PERSON_SAID = "STUDIO_HUB_OFFLINE"
OFFLINE = "HF_HUB_OFFLINE"


def search(person: Person, query: Query) -> Page:
    """Models of the whole Hub. ModelError in one sentence when it cannot be asked."""
    return Page(**_ask("search", query.model_dump(mode="json")))


def look(person: Person, hub_id: str) -> Offer:
    """All there is to know before a download (`backend.hub.online.client.Hub.look`). ModelError as `search`."""
    return Offer(**_ask("look", {"hub_id": hub_id}))


def look_at_corpus(person: Person, wanted: Wanted) -> CorpusOffer:
    """All there is to know of a data set before it is fetched. ModelError as `search`."""
    return CorpusOffer(**_ask("corpus", wanted.model_dump(mode="json")))


def cached(person: Person) -> list[Cached]:
    """The models in the cache of huggingface_hub on this machine, newest first; nothing goes online for it."""
    return [Cached(**one) for one in _ask("cached", {})]


def _ask(question: str, values: dict[str, Any]) -> Any:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "backend.hub.online.ask"],
            input=json.dumps({"ask": question, "values": values}),
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=ROOT,
            env=surroundings(),
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError("hub.slow", seconds=int(SECONDS)) from error
    try:
        said = json.loads(done.stdout)
    except ValueError as error:
        raise ModelError("hub.not_asked") from error
    if "error" in said:
        raise ModelError(said["error"]["key"], **said["error"]["values"])
    return said["answer"]


def surroundings() -> dict[str, str]:
    """As a job has it, but online unless the person wants the library offline."""
    given = environment()
    wish = os.environ.get(PERSON_SAID)
    if wish is not None:
        given.pop(OFFLINE, None)
    return given | ({OFFLINE: wish} if wish else {})
