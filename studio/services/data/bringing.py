"""Files on their way to become a data set: brought, looked at, understood otherwise, imported as a job."""

import threading
from collections.abc import Mapping as Named
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select

from backend.captions import brought
from backend.data.actions.queueing import KIND
from backend.data.intake import preview, submit, uploads
from backend.data.intake.preview import Preview
from backend.data.intake.uploads import Incoming
from backend.data.mapping import roles
from backend.data.mapping.mapping import Mapping
from backend.data.opening.opened import Choices
from backend.data.shapes import Shape
from backend.errors import AccessError, DataError
from backend.jobs import rows
from backend.jobs.folder import RunFolder
from backend.jobs.model import Job, JobState
from backend.jobs.service import Jobs
from backend.ledger.schema import jobs as table
from backend.paths import Workspace
from backend.people import Person
from studio.services.models import status

MOST_LOOKS = 2


@dataclass(frozen=True)
class Importing:
    """An import that is not done: the upload it reads, and how many rows have passed."""

    job: Job
    upload: str
    status: Named[str, Any]


@dataclass(frozen=True)
class Bringing:
    workspace: Workspace
    jobs: Jobs
    person: Person
    _looks: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(MOST_LOOKS))

    # Files

    def begin(self) -> str:
        """The id of a new upload. Those that nobody needs any more are swept away meanwhile."""
        needed = {one.upload for one in self.importing() if not one.job.ended} | brought.needed(self.person, self.jobs)
        uploads.sweep(self.workspace, needed)
        return uploads.begin(self.person, self.workspace)

    def receive(self, upload: str, name: str, size: int) -> Incoming:
        return uploads.receive(self.person, self.workspace, upload, name, size)

    def files(self, upload: str) -> list[tuple[str, Path]]:
        return uploads.files(self.person, self.workspace, upload)

    def discard(self, upload: str) -> None:
        """With the failed imports of it. DataError while it is being imported."""
        for one in self.importing():
            if one.upload == upload:
                if not one.job.ended:
                    raise DataError("data.upload_busy", name=one.job.name)
                self.jobs.delete(self.person, one.job.id)
        uploads.discard(self.person, self.workspace, upload)

    # What they are

    def look(self, upload: str, choices: Choices, mapping: Mapping | None) -> Preview:
        """By a process of its own, of which there are few at once. A mapping of columns that are no longer there, since
        the file is read otherwise, is left aside.
        """
        found = self._look(upload, choices, mapping)
        if mapping is not None and any(one.code == "data.no_column" for one in found.findings):
            return self._look(upload, choices, None)
        return found

    def _look(self, upload: str, choices: Choices, mapping: Mapping | None) -> Preview:
        sources = self.files(upload)
        if not sources:
            raise AccessError("data.upload_gone")
        with self._looks:
            return preview.preview(self.person, self.workspace, sources, choices, mapping)

    # The import

    def start(self, upload: str, name: str, choices: Choices, mapping: Mapping | None, *, skip_bad: bool) -> Job:
        """Queue it. What became of earlier tries with the same files is forgotten. DataError while one is under way."""
        for one in self.importing():
            if one.upload == upload and not one.job.ended:
                raise DataError("data.upload_busy", name=one.job.name)
        made = submit.start(
            self.person,
            self.jobs,
            self.files(upload),
            name=name.strip(),
            choices=choices,
            mapping=mapping,
            skip_bad=skip_bad,
            origin=uploads.origin(self.person, self.workspace, upload),
        )
        for one in self.importing():
            if one.upload == upload and one.job.ended:
                self.jobs.delete(self.person, one.job.id)
        return made

    def importing(self) -> list[Importing]:
        """Those that are not done, newest first: few rows, which the page asks for once a second."""
        wanted = (table.c.owner == self.person.id) & (table.c.kind == KIND) & (table.c.state != JobState.DONE)
        with self.jobs.ledger.read() as opened:
            found = opened.execute(select(*rows.COLUMNS).where(wanted).order_by(table.c.id.desc()))
            jobs = [rows.job_from(row) for row in found]
        return [self._importing(job) for job in jobs if submit.is_import(self.jobs.folder(job))]

    def stop(self, job: str) -> Job:
        return self.jobs.stop(self.person, self._import(job).id)

    def forget(self, job: str) -> None:
        """The try; the files stay for another one."""
        self.jobs.delete(self.person, self._import(job).id)

    def done(self, job: str) -> str:
        """The id of the data set that an import has become, whose files are no longer needed; "" when there is none."""
        found = self._import(job)
        made = submit.made(self.person, self.jobs, found)
        if made is None:
            return ""
        upload = self._importing(found).upload
        if upload and (self.workspace.uploads / upload).is_dir():
            uploads.discard(self.person, self.workspace, upload)
        return made.id

    def _import(self, job: str) -> Job:
        """DataError for what is no import: runs are acted on elsewhere."""
        found = self.jobs.get(self.person, job)
        if found.kind != KIND or not submit.is_import(self.jobs.folder(found)):
            raise DataError("data.not_found")
        return found

    def _importing(self, job: Job) -> Importing:
        folder = RunFolder(self.workspace.run(job.id))
        first = submit.asked_for(folder).sources[0].path
        ours = first.is_relative_to(self.workspace.uploads.resolve())
        return Importing(job, first.parent.parent.name if ours else "", status(folder))


def corrected(mapping: Mapping, columns: tuple[str, ...], shape: str = "", column: str = "", role: str = "") -> Mapping:
    """The mapping after one choice of a person: another shape, or another role ("" leaves it out) for a column."""
    if shape and shape != mapping.shape:
        return _reshaped(mapping, columns, next((one for one in roles.SHAPES if one == shape), mapping.shape))
    if column in columns:
        return mapping.given(column, role).model_copy(update={"notices": ()})
    return mapping


def _reshaped(mapping: Mapping, columns: tuple[str, ...], shape: Shape) -> Mapping:
    """Columns keep the roles that the other shape has too; of its others those are filled whose names fit."""
    known = [role.name for role in roles.ROLES[shape]]
    fields = {role: named for role, named in mapping.fields.items() if role in known}
    for role in known:
        free = [name for name in roles.fitting(role, columns) if name not in fields.values()]
        if role not in fields and role not in roles.MANY and free:
            fields[role] = free[0]
    options = tuple(roles.option_columns(columns)) if shape == "exam" and "options" not in fields else ()
    options = tuple(name for name in options if name not in fields.values())
    return Mapping(shape=shape, fields=fields, options=options)
