"""Removing a model: first what it would free and which runs need it, then the removal of exactly that."""

import shutil
from dataclasses import dataclass

from backend.errors import AccessError, ModelError
from backend.jobs.folder import RunFolder
from backend.jobs.model import Job
from backend.jobs.service import Jobs
from backend.jobs.upkeep import retention
from backend.models import catalogue
from backend.models.catalogue import Model
from backend.people import Person


@dataclass(frozen=True)
class Consequences:
    """`frees` in bytes: 0 for a model whose files stay where they are (`in_place`).

    `runs` were trained on it and can be neither chatted with nor resumed without it; `busy` are those of them that
    wait or go on now, and keep it from being removed.
    """

    model: Model
    frees: int
    in_place: bool
    runs: tuple[Job, ...]
    busy: tuple[Job, ...]


def consequences(person: Person, jobs: Jobs, model_id: str) -> Consequences:
    """What it would mean to remove this model; AccessError when the person has no such model."""
    model = _own(person, jobs, model_id)
    home = jobs.workspace.models / model.id
    in_place = model.folder.resolve() != home.resolve()
    runs = tuple(job for job in jobs.all(person) if model.id in _needs(jobs.folder(job)))
    busy = tuple(job for job in runs if not job.ended)
    return Consequences(model, 0 if in_place else retention.size(home), in_place, runs, busy)


def needing(person: Person, jobs: Jobs) -> dict[str, list[Job]]:
    """The runs that need a model, by its id, newest first: all of them read once."""
    found: dict[str, list[Job]] = {}
    for job in jobs.all(person):
        for model_id in _needs(jobs.folder(job)):
            found.setdefault(model_id, []).append(job)
    return found


def delete(person: Person, jobs: Jobs, model_id: str) -> Consequences:
    """Remove it for good; the files of a model that is used where it lies are not touched.

    ModelError for one that ships, and while a run that needs it waits or goes on.
    """
    found = consequences(person, jobs, model_id)
    if found.busy:
        raise ModelError("hub.delete_busy", name=found.model.name, run=found.busy[0].name)
    here, gone = jobs.workspace.models / found.model.id, jobs.workspace.trash / found.model.id
    gone.parent.mkdir(exist_ok=True)
    here.replace(gone)
    shutil.rmtree(gone, ignore_errors=True)
    return found


def _own(person: Person, jobs: Jobs, model_id: str) -> Model:
    found = [model for model in catalogue.available(person, jobs.workspace) if model.id == model_id]
    if not found:
        raise AccessError("models.not_found", name=model_id[:200])
    if found[0].shipped:
        raise ModelError("hub.delete_shipped", name=found[0].name)
    return found[0]


def _needs(folder: RunFolder) -> set[str]:
    """The ids of the models that a run was asked to start from, or that it names beside its adapter."""
    request = folder.read(folder.request)
    beside = folder.read(folder.adapter / "studio.json").get("base") or {}
    asked = request.get("model") or {}
    return {str(known["id"]) for known in (asked, beside) if isinstance(known, dict) and known.get("id")}
