"""A download as a job: everything that can be refused is refused here, before there is one."""

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select

from backend import names
from backend.errors import ModelError
from backend.hub.offer import HubFile, Kind, Offer, Plain
from backend.jobs import rows
from backend.jobs.folder import RunFolder
from backend.jobs.model import Job, JobState, NewJob
from backend.jobs.service import Jobs
from backend.jobs.upkeep.disk import in_words
from backend.ledger.schema import jobs as table
from backend.models import catalogue
from backend.paths import Workspace
from backend.people import Person
from backend.settings import Settings

KIND = "download"
DEVICE = "hub"


class Accepted(Plain):
    """The licence as it was shown, who accepted it, and when (ISO 8601, UTC)."""

    id: str | None = None
    name: str | None = None
    link: str | None = None
    digest: str
    at: str
    by: str


class Download(Plain):
    """What the job is to fetch: exactly these files of this commit."""

    hub_id: str
    revision: str
    branch: str | None = None
    kind: Kind = ""
    name: str
    files: tuple[HubFile, ...]
    licence: Accepted

    @property
    def bytes(self) -> int:
        return sum(file.size for file in self.files)


@dataclass(frozen=True)
class Room:
    """Bytes: `need` for the download, `free` on the disk of the workspace without what is kept free for runs."""

    need: int
    free: int

    @property
    def enough(self) -> bool:
        return self.need <= self.free


def room(workspace: Workspace, need: int) -> Room:
    """Whether that many bytes find room."""
    free = shutil.disk_usage(workspace.root).free - Settings.read().disk_floor
    return Room(need, max(free, 0))


def require_room(workspace: Workspace, need: int) -> None:
    """ModelError when that many bytes find none."""
    found = room(workspace, need)
    if not found.enough:
        raise ModelError("hub.no_room", need=in_words(found.need), free=in_words(found.free))


def download(person: Person, jobs: Jobs, offer: Offer, *, accepted: str, name: str = "") -> Job:
    """Queue the download of `offer`. `accepted` is the digest of the licence that was shown and accepted.

    `name` "": the model's on the Hub. ModelError for what cannot be fetched or has no room, or is here or on its way
    already; JobError for the name.
    """
    if offer.problem is not None:
        raise ModelError(offer.problem.key, **offer.problem.values)
    if accepted != offer.licence.digest:
        raise ModelError("hub.licence_not_accepted", name=offer.hub_id)
    _refuse_known(person, jobs, offer)
    require_room(jobs.workspace, offer.bytes)
    wanted = names.check(name, "model") if name else names.from_file(offer.hub_id.rpartition("/")[2], "model")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    stated = offer.licence.model_dump(include={"id", "name", "link", "digest"})
    asked = Download(
        **offer.model_dump(include={"hub_id", "revision", "branch", "kind", "files"}),
        name=wanted,
        licence=Accepted(**stated, at=now, by=person.id),
    )
    called = names.free(wanted, [job.name for job in jobs.all(person)])
    return jobs.submit(person, NewJob(KIND, called, {"download": asked.model_dump(mode="json")}, device=DEVICE))


def downloads(person: Person, jobs: Jobs) -> list[Job]:
    """This person's, newest first. How far one is stands in its status.json: `file`, `done` and `total` bytes,
    `bytes_per_second`, `eta_seconds` (`backend.jobs.events.Transfer`).
    """
    return [job for job in jobs.all(person) if job.kind == KIND]


def unfinished(person: Person, jobs: Jobs) -> list[Job]:
    """As `downloads`, without those that are done: few rows, which the page asks for once a second."""
    wanted = (table.c.owner == person.id) & (table.c.kind == KIND) & (table.c.state != JobState.DONE)
    with jobs.ledger.read() as opened:
        found = opened.execute(select(*rows.COLUMNS).where(wanted).order_by(table.c.id.desc()))
        return [rows.job_from(row) for row in found]


def asked_for(folder: RunFolder) -> Download:
    return Download(**folder.read(folder.request)["download"])


def _refuse_known(person: Person, jobs: Jobs, offer: Offer) -> None:
    for model in catalogue.available(person, jobs.workspace):
        if model.source == offer.hub_id and model.revision in ("", offer.revision):
            raise ModelError("hub.already_here", name=offer.hub_id, called=model.name)
    for job in jobs.all(person):
        if job.kind == KIND and not job.ended and asked_for(jobs.folder(job)).hub_id == offer.hub_id:
            raise ModelError("hub.already_coming", name=offer.hub_id, run=job.name)
