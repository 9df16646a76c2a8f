"""Models, for the person who is logged in: those on this computer, those of the Hub, downloads, and the Hub's token."""

import json
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from backend.errors import ModelError, StudioError
from backend.forecast import calibration
from backend.forecast.calibration import Calibration
from backend.forecast.unseen.fits import Fit, Way, fits, typical
from backend.hardware import Machine, this_machine
from backend.hub import bringing, credentials, desk, removal, submit
from backend.hub.credentials import Origin
from backend.hub.offer import Cached, Offer, Page, Query
from backend.hub.removal import Consequences
from backend.hub.submit import Room
from backend.jobs.folder import RunFolder
from backend.jobs.model import Job
from backend.jobs.service import Jobs
from backend.jobs.upkeep import retention
from backend.models import catalogue
from backend.models.catalogue import Model
from backend.models.facts import ModelFacts, facts, of_config
from backend.models.sight.config import language, sees
from backend.paths import Workspace
from backend.people import Person

MOST_OFFERS = 32
# What people copy: the address of a model's page.
PAGE = re.compile(r"^(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/(?:models/)?([^/?#\s]+/[^/?#\s]+)")


@dataclass(frozen=True)
class Here:
    """A model on this computer: bytes on the disk, the runs that need it, why it cannot be trained (None: it can)."""

    model: Model
    size: int
    runs: tuple[Job, ...]
    unfit: StudioError | None


@dataclass(frozen=True)
class Coming:
    """A download that is not done; `status` is what it has said last of itself (`backend.jobs.events.Transfer`)."""

    job: Job
    hub_id: str
    total: int
    status: Mapping[str, Any]


class Measure(NamedTuple):
    """What is held against a model: this machine, and what was learned of it by training."""

    machine: Machine
    learned: Calibration | None

    def fits(self, known: ModelFacts, *, rounded: bool = False) -> dict[Way, Fit]:
        return fits(known, self.machine, self.learned, rounded=rounded)


@dataclass
class Offers:
    """What was looked at last, by Hub id: a page sends back only the id and the digest of the licence it has shown."""

    _kept: OrderedDict[str, Offer] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, offer: Offer) -> Offer:
        with self._lock:
            self._kept[offer.hub_id] = offer
            self._kept.move_to_end(offer.hub_id)
            while len(self._kept) > MOST_OFFERS:
                self._kept.popitem(last=False)
        return offer

    def of(self, hub_id: str) -> Offer | None:
        with self._lock:
            return self._kept.get(hub_id)


@dataclass(frozen=True)
class MyModels:
    workspace: Workspace
    jobs: Jobs
    person: Person

    @cached_property
    def offers(self) -> Offers:
        return Offers()

    # On this computer

    def here(self) -> list[Here]:
        """The shipped ones first, then the person's own, oldest first."""
        needing = removal.needing(self.person, self.jobs)
        return [
            Here(one, retention.size(one.folder), tuple(needing.get(one.id, ())), unfit(one)) for one in self.models()
        ]

    def models(self) -> list[Model]:
        return catalogue.available(self.person, self.workspace)

    def version(self) -> str:
        """Another one whenever a model has come or gone: asked once a second, so nothing is read."""
        folder = self.workspace.models
        return f"{folder.stat().st_mtime_ns} {sum(1 for _ in folder.glob(f'*/{catalogue.RECORD}'))}"

    def consequences(self, model: str) -> Consequences:
        return removal.consequences(self.person, self.jobs, model)

    def delete(self, model: str) -> Consequences:
        return removal.delete(self.person, self.jobs, model)

    def use_folder(self, typed: str) -> Model:
        return bringing.from_folder(self.person, self.workspace, typed)

    def cached(self) -> list[Cached]:
        """Those in the cache of huggingface_hub that are not used yet."""
        used = {one.folder.resolve() for one in self.models()}
        return [one for one in desk.cached(self.person) if Path(one.folder).resolve() not in used]

    def use_cached(self, hub_id: str) -> Model:
        """ModelError when it is no longer there."""
        for one in self.cached():
            if one.hub_id == hub_id:
                return bringing.from_cache(self.person, self.workspace, one)
        raise ModelError("models.not_downloaded", name=hub_id[:200])

    def upload(self, files: Mapping[str, Path], name: str) -> Model:
        return bringing.from_upload(self.person, self.workspace, files, name)

    # On the Hub

    def search(self, query: Query) -> Page:
        return desk.search(self.person, query)

    def look(self, typed: str) -> Offer:
        """Its owner/name, or the address of its page."""
        found = PAGE.match(typed.strip())
        return self.offers.keep(desk.look(self.person, found[1] if found else typed))

    def room(self, need: int) -> Room:
        return submit.room(self.workspace, need)

    def download(self, hub_id: str, accepted: str) -> Job:
        """`accepted`: the digest of the licence that was shown. What is not known any more is looked at anew."""
        offer = self.offers.of(hub_id) or self.look(hub_id)
        return submit.download(self.person, self.jobs, offer, accepted=accepted)

    def coming(self) -> list[Coming]:
        """The downloads that are not done, newest first."""
        return [self._coming(job) for job in submit.unfinished(self.person, self.jobs)]

    def stop(self, job: str) -> Job:
        return self.jobs.stop(self.person, self._download(job).id)

    def resume(self, job: str) -> Job:
        return self.jobs.resume(self.person, self._download(job).id)

    def forget(self, job: str) -> None:
        """With what has arrived of it."""
        self.jobs.delete(self.person, self._download(job).id)

    # Whether it fits

    def machine(self) -> Machine:
        return this_machine(self.workspace.root)

    def measure(self) -> Measure:
        """Asked once for a whole list: it takes longer than a forecast."""
        machine = self.machine()
        return Measure(machine, calibration.load(self.workspace, machine))

    # The token

    def token(self) -> Origin:
        """Where one comes from; never what it is."""
        return credentials.origin()

    def keep_token(self, token: str) -> None:
        credentials.keep(self.person, token)

    def forget_token(self) -> None:
        credentials.forget(self.person)

    def _download(self, job: str) -> Job:
        """ModelError for what is no download: runs are acted on elsewhere."""
        found = self.jobs.get(self.person, job)
        if found.kind != submit.KIND:
            raise ModelError("models.not_found", name=found.name)
        return found

    def _coming(self, job: Job) -> Coming:
        folder = RunFolder(self.workspace.run(job.id))
        hub_id, total = _asked(folder.path)
        return Coming(job, hub_id, total, status(folder))


def unfit(model: Model) -> StudioError | None:
    """Why it cannot be trained; None when it can. Its config.json is read, of one that sees its files' heads too."""
    try:
        facts(model.folder)
    except StudioError as error:
        return error
    return None


def dimensions(config: Mapping[str, Any], parameters: float | None) -> tuple[ModelFacts | None, bool]:
    """Those of a model, and whether they are exact; from the number of its parameters where that is all one knows."""
    try:
        return _known(dict(config), parameters) if config else _about(parameters)
    except StudioError:
        return None, False


def _known(config: dict[str, Any], parameters: float | None) -> tuple[ModelFacts, bool]:
    """What sees in a model is all that its language model is not: only the number of parameters tells its size."""
    if not sees(config):
        return of_config(config), True
    found = of_config(language(config))
    besides = max(0, round(parameters) - found.parameters) if parameters else 0
    return replace(found, parts={**found.parts, "sight": besides}), False


def _about(parameters: float | None) -> tuple[ModelFacts | None, bool]:
    return (typical(parameters), False) if parameters else (None, False)


def status(folder: RunFolder) -> dict[str, Any]:
    """{} while there is none, or while it is being replaced."""
    try:
        return folder.read(folder.status)
    except (OSError, json.JSONDecodeError):
        return {}


@lru_cache(maxsize=256)
def _asked(path: Path) -> tuple[str, int]:
    """Read once: a request does not change."""
    asked = submit.asked_for(RunFolder(path))
    return asked.hub_id, asked.bytes
