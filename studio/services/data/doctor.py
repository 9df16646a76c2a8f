"""What is the matter with a data set, and what is to become of it: jobs look, mend and prepare."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backend.data import datasets
from backend.data.actions.queueing import KIND
from backend.data.datasets import Dataset
from backend.data.doctor import report, submit
from backend.data.doctor.report import Report
from backend.data.doctor.seen import Reader
from backend.data.preparing import plan
from backend.data.preparing import submit as preparing
from backend.data.preparing.making import PICTURED
from backend.data.preparing.simple import LIKE, one_step
from backend.errors import AccessError, DataError
from backend.jobs.folder import RunFolder
from backend.jobs.model import Job
from backend.jobs.service import Jobs
from backend.models import reader
from backend.models.catalogue import Model
from backend.paths import Workspace
from backend.people import Person
from studio.services.data.tokens import Tokens
from studio.services.models import status

ACTIONS = ("check", "fix", "prepare", "review")


@dataclass(frozen=True)
class Work:
    """A check, a fix, a preparation or the approved rows of a data set, not done; `action` says which."""

    job: Job
    action: str
    status: Mapping[str, Any]


@dataclass(frozen=True)
class Doctor:
    workspace: Workspace
    jobs: Jobs
    person: Person

    def models(self) -> list[Model]:
        """Those whose tokens can be counted."""
        return Tokens(self.workspace, self.person).models()

    def report(self, dataset_id: str) -> Report | None:
        return report.findings(self.person, self.workspace, self._dataset(dataset_id))

    def check(self, dataset_id: str, model: str) -> Job:
        """`model`: the id of the one that is to learn from it; "" for none. DataError while it is being worked on."""
        dataset = self.free(dataset_id)
        return submit.check(self.person, self.jobs, dataset, self._reader(model))

    def fix(self, dataset_id: str, fixes: list[str]) -> Job:
        """For the model it was looked at for. DataError for a fix that there is not, or while it is being worked on."""
        dataset = self.free(dataset_id)
        known = report.findings(self.person, self.workspace, dataset)
        model = next((one for one in self.models() if known and one.name == known.model), None)
        return submit.fix(self.person, self.jobs, dataset, fixes, self._reader(model.id if model else ""))

    def prepare(self, dataset_id: str, step: str, typed: Mapping[str, Any]) -> Job:
        """One step with these fields, or all steps of another data set. DataError for one that is not known or
        cannot be done, or while it is being worked on.
        """
        again = step == LIKE.name
        wanted = plan.of(self._dataset(str(typed.get(LIKE.name)))) if again else one_step(step, typed)
        return preparing.prepare(self.person, self.jobs, self.free(dataset_id), wanted)

    def others(self, dataset_id: str) -> list[Dataset]:
        """What could be mixed with it: rows of the same shape, without pictures."""
        own = self._dataset(dataset_id)
        every = datasets.available(self.person, self.workspace)
        return [one for one in every if one.line != own.line and one.shape == own.shape not in PICTURED]

    def prepared(self, dataset_id: str) -> list[Dataset]:
        """Other data sets whose steps could be done to it."""
        own = self._dataset(dataset_id)
        every = datasets.available(self.person, self.workspace)
        return [one for one in every if one.line != own.line and plan.is_of(one)]

    def dataset(self, dataset_id: str) -> Dataset:
        """AccessError when there is none with this id."""
        return self._dataset(dataset_id)

    def work(self, dataset_id: str) -> Work | None:
        """The newest check, fix or preparation of this version, while it is not done."""
        for job in self.jobs.all(self.person):
            folder = RunFolder(self.workspace.run(job.id))
            action = self._action(job, dataset_id)
            if action:
                return None if job.state == "done" else Work(job, action, status(folder))
        return None

    def made(self, job: str) -> str:
        """The id of the version that a fix has made; "" before."""
        found = submit.made(self.person, self.jobs, self.jobs.get(self.person, job))
        return found.id if found else ""

    def stop(self, dataset_id: str) -> None:
        work = self.work(dataset_id)
        if work and not work.job.ended:
            self.jobs.stop(self.person, work.job.id)

    def _action(self, job: Job, dataset_id: str) -> str:
        """What this job does with this version; "" for another job."""
        if job.kind != KIND:
            return ""
        folder = RunFolder(self.workspace.run(job.id))
        asked = folder.read(folder.request)
        return next((one for one in ACTIONS if asked.get(one, {}).get("dataset") == dataset_id), "")

    def _dataset(self, dataset_id: str) -> Dataset:
        every = datasets.every_version(self.person, self.workspace)
        found = next((one for one in every if one.id == dataset_id), None)
        if found is None:
            raise AccessError("data.not_found")
        return found

    def free(self, dataset_id: str) -> Dataset:
        """As `dataset`; DataError while it is being worked on."""
        work = self.work(dataset_id)
        if work and not work.job.ended:
            raise DataError("data.work_busy")
        return self._dataset(dataset_id)

    def _reader(self, model: str) -> Reader | None:
        found = next((one for one in self.models() if one.id == model), None)
        return reader.of(found) if found else None
