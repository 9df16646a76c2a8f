"""Data sets of the Hub: one looked at, fetched as a job, and handed over like files that were brought."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backend.data.intake import uploads
from backend.errors import DataError
from backend.hub import credentials, desk
from backend.hub.corpora import submit
from backend.hub.corpora.offer import CorpusOffer, Wanted
from backend.hub.corpora.part import Part
from backend.hub.submit import Room, room
from backend.jobs.folder import RunFolder
from backend.jobs.model import Job, JobState
from backend.jobs.service import Jobs
from backend.paths import Workspace
from backend.people import Person
from studio.services.models import status

# What people copy: the address of a data set's page.
PAGE = re.compile(r"^(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/datasets/([^/?#\s]+/[^/?#\s]+)")
MOST_OFFERS = 16


@dataclass(frozen=True)
class Fetching:
    """A data set on its way; `status` is what its job has said last (`backend.jobs.events.Transfer`)."""

    job: Job
    hub_id: str
    total: int
    status: Mapping[str, Any]


@dataclass(frozen=True)
class HubData:
    workspace: Workspace
    jobs: Jobs
    person: Person
    _offers: dict[tuple[str, str, str], CorpusOffer] = field(default_factory=dict)

    def look(self, typed: str, config: str, split: str) -> CorpusOffer:
        """Its owner/name, or the address of its page. ModelError when nothing can be known."""
        found = PAGE.match(typed.strip())
        wanted = Wanted(hub_id=found[1] if found else typed.strip(), config=config, split=split)
        offer = desk.look_at_corpus(self.person, wanted)
        while len(self._offers) >= MOST_OFFERS:
            self._offers.pop(next(iter(self._offers)))
        self._offers[offer.hub_id, offer.config, offer.split] = offer
        return offer

    def fetch(self, offered: Sequence[str], accepted: str, rows: Part) -> Job:
        """`offered`: its id, configuration and split; `accepted`: the digest of the licence that was shown. What is not
        known any more is looked at anew.
        """
        hub_id, config, split = offered
        offer = self._offers.get((hub_id, config, split)) or self.look(hub_id, config, split)
        return submit.fetch(self.person, self.jobs, offer, accepted=accepted, field=submit.AS_FILES, rows=rows)

    def room(self, need: int) -> Room:
        return room(self.workspace, need)

    def token(self) -> bool:
        return bool(credentials.origin())

    def fetching(self, job: str) -> Fetching:
        """DataError for what is no such job."""
        found = self._job(job)
        asked = submit.asked_for(RunFolder(self.workspace.run(job)))
        return Fetching(found, asked.hub_id, asked.bytes, status(RunFolder(self.workspace.run(job))))

    def arrived(self, job: str) -> str:
        """The upload that its files have become; "" before, and once that is gone."""
        found = self._job(job)
        folder = RunFolder(self.workspace.run(job))
        upload = str(folder.read(folder.result).get("upload", "")) if found.state is JobState.DONE else ""
        return upload if upload and (self.workspace.uploads / upload / uploads.FILES).is_file() else ""

    def stop(self, job: str) -> None:
        self.jobs.stop(self.person, self._job(job).id)

    def resume(self, job: str) -> None:
        self.jobs.resume(self.person, self._job(job).id)

    def forget(self, job: str) -> None:
        """With what has arrived of it."""
        self.jobs.delete(self.person, self._job(job).id)

    def _job(self, job: str) -> Job:
        found = self.jobs.get(self.person, job)
        if found.kind != submit.KIND:
            raise DataError("data.not_found")
        return found
