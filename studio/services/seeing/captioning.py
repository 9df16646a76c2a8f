"""Captions for many pictures, for the person who is logged in: the jobs, what they have made, what becomes of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from backend.captions import book, brought, handing, prompts, submit
from backend.captions.book import Entry
from backend.captions.handing import Form
from backend.captions.request import KIND, CaptionRequest
from backend.captions.submit import Wanted
from backend.data.datasets import Dataset
from backend.errors import AccessError, ChatError
from backend.inference.shelf import RUN
from backend.jobs.folder import RunFolder
from backend.jobs.model import Job
from studio.services.chats import ChatServices
from studio.services.models import status


@dataclass(frozen=True)
class Work:
    """A captioning job, what it was asked, and how far it says it is."""

    job: Job
    asked: CaptionRequest
    status: Mapping[str, Any]


@dataclass(frozen=True)
class Captioning:
    chats: ChatServices

    def works(self) -> list[Work]:
        """Newest first."""
        every = [job for job in self.chats.jobs.all(self.chats.person) if job.kind == KIND]
        return [self._work(job) for job in every]

    def one(self, job_id: str) -> Work:
        """AccessError when there is no such job, JobError when it makes no captions."""
        return self._work(self._folder(job_id)[0])

    def entries(self, job_id: str) -> list[Entry]:
        """By the names of the pictures; errors as `one`."""
        return sorted(book.read(self._folder(job_id)[1]), key=lambda entry: entry.name)

    def describes(self, model: str) -> dict[str, str]:
        """As `prompts.describes`."""
        return prompts.describes(self.chats.person, self.chats.workspace, model)

    def start(self, upload: str, wanted: Wanted) -> Job:
        """Errors as `brought.source_of` and `submit.start`."""
        person, jobs = self.chats.person, self.chats.jobs
        if not wanted.model:
            raise ChatError("captions.no_model")
        source, called = brought.source_of(person, jobs, upload)
        model = self.chats.names("en").get(wanted.model, wanted.model)
        label = model if wanted.model.startswith(RUN) else wanted.model
        told = Wanted(
            model=wanted.model,
            prompt=wanted.prompt,
            label=label,
            with_base=wanted.with_base,
            called=called or "captions",
        )
        return submit.start(person, jobs, source, told)

    def correct(self, job_id: str, name: str, caption: str) -> Entry:
        """Errors as `one` and `book.correct`."""
        return book.correct(self._folder(job_id)[1], name, caption)

    def stop(self, job_id: str) -> None:
        self._folder(job_id)
        self.chats.jobs.stop(self.chats.person, job_id)

    def resume(self, job_id: str) -> None:
        self._folder(job_id)
        self.chats.jobs.resume(self.chats.person, job_id)

    def forget(self, job_id: str) -> None:
        """The captions with it; a data set that was made of them stays."""
        self._folder(job_id)
        self.chats.jobs.delete(self.chats.person, job_id)

    def written(self, job_id: str, form: str) -> tuple[str, bytes]:
        """(name of the file, what is in it). AccessError for another form; errors as `handing.written`."""
        known: Form | None = next((one for one in get_args(Form) if one == form), None)
        if known is None:
            raise AccessError("data.not_found")
        return handing.written(self.chats.person, self.chats.jobs, job_id, known)

    def as_data(self, job_id: str) -> Dataset:
        """Errors as `handing.as_data`."""
        return handing.as_data(self.chats.person, self.chats.jobs, job_id)

    def picture(self, job_id: str, name: str) -> Path:
        """The small picture of this name. AccessError when there is none."""
        folder = self._folder(job_id)[1]
        found = next((entry for entry in book.read(folder) if entry.name == name and entry.picture), None)
        if found is None:
            raise AccessError("data.not_found")
        return book.thumbnail(folder, found)

    def _work(self, job: Job) -> Work:
        folder = self.chats.jobs.folder(job)
        return Work(job, CaptionRequest(**folder.read(folder.request)), status(folder))

    def _folder(self, job_id: str) -> tuple[Job, RunFolder]:
        return handing.folder_of(self.chats.person, self.chats.jobs, job_id)
