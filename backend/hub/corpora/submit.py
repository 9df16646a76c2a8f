"""Fetching a corpus as a job: everything that can be refused is refused here, before there is one."""

import hashlib
from datetime import UTC, datetime

from backend import names
from backend.data import datasets
from backend.data.datasets import Dataset
from backend.errors import DataError
from backend.hub.corpora.offer import CorpusOffer
from backend.hub.corpora.part import Part
from backend.hub.offer import HubFile, Plain
from backend.hub.submit import DEVICE, Accepted, require_room
from backend.jobs.folder import RunFolder
from backend.jobs.model import Job, NewJob
from backend.jobs.service import Jobs
from backend.paths import Workspace
from backend.people import Person

KIND = "corpus"
AS_FILES = ""
"""In place of a field: the files themselves are wanted, to be looked at and imported like any other."""


class Fetch(Plain):
    """What the job is to fetch: exactly these files of this commit, and of their rows the texts in `field` (`AS_FILES`:
    the files themselves). `rows`: of all files, one after another.
    """

    hub_id: str
    revision: str
    config: str
    split: str
    field: str
    name: str
    files: tuple[HubFile, ...]
    licence: Accepted
    rows: Part = Part()

    @property
    def bytes(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def source(self) -> str:
        """The same for the same texts."""
        part = [self.rows.text] if self.rows.text else []
        said = "\n".join([self.field, *part, *(file.sha256 or file.blob or "" for file in self.files)])
        return hashlib.sha256(said.encode()).hexdigest()


def fetch(  # noqa: PLR0913 - one keyword for each thing a person chooses
    person: Person,
    jobs: Jobs,
    offer: CorpusOffer,
    *,
    accepted: str,
    name: str = "",
    field: str = "text",
    rows: Part | None = None,
) -> Job:
    """Queue fetching `offer`, or some of its `rows`. `accepted` is the digest of the licence that was shown and
    accepted; `name` "": the data set's on the Hub. DataError for what cannot be fetched or is here already,
    ModelError without room, JobError for the name.
    """
    if offer.problem is not None:
        raise DataError(offer.problem.key, **offer.problem.values)
    if accepted != offer.licence.digest:
        raise DataError("hub.licence_not_accepted", name=offer.hub_id)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    stated = offer.licence.model_dump(include={"id", "name", "link", "digest"})
    wanted = names.check(name, "data") if name else names.from_file(offer.hub_id.rpartition("/")[2])
    asked = Fetch(
        **offer.model_dump(include={"hub_id", "revision", "config", "split", "files"}),
        field=field,
        name=wanted,
        licence=Accepted(**stated, at=now, by=person.id),
        rows=rows or Part(),
    )
    if known := here(person, jobs.workspace, asked):
        raise DataError("hub.corpus_here", name=offer.hub_id, called=known.name)
    for job in jobs.all(person):
        if job.kind == KIND and not job.ended and asked_for(jobs.folder(job)).source == asked.source:
            raise DataError("hub.already_coming", name=offer.hub_id, run=job.name)
    require_room(jobs.workspace, offer.bytes if asked.rows.last is None else offer.files[0].size)
    called = names.free(wanted, [job.name for job in jobs.all(person)])
    return jobs.submit(person, NewJob(KIND, called, {"corpus": asked.model_dump(mode="json")}, device=DEVICE))


def asked_for(folder: RunFolder) -> Fetch:
    return Fetch(**folder.read(folder.request)["corpus"])


def here(person: Person, workspace: Workspace, asked: Fetch) -> Dataset | None:
    """The data set of this person that holds these very texts."""
    own = datasets.every_version(person, workspace)
    return next((known for known in own if known.source_sha256 == asked.source), None)
