"""Starting an export: everything that can be refused is refused here, before a job exists."""

import shutil
from pathlib import Path

from backend import names
from backend.errors import ModelError
from backend.export import capsule, card, size, source
from backend.export.gguf import llama_cpp
from backend.export.request import Choice, ExportRequest
from backend.export.source import Source
from backend.forecast.size import size as bytes_read
from backend.hardware import this_machine
from backend.hub import credentials
from backend.jobs.model import Job, NewJob
from backend.jobs.service import Jobs
from backend.messages import Phrase
from backend.models.catalogue import HUB_ID
from backend.people import Person

KIND = "export"
# These work with a model in memory; the others only read and write files, and wait for no training.
HEAVY = ("merged", "gguf")


def prepare(person: Person, jobs: Jobs, run: str, choice: Choice) -> Source:
    """The run with this id or name, looked at for this choice.

    AccessError for a run this person does not have; ModelError: it made nothing, is damaged or belongs to another base,
    cannot be had in this form, or does not fit on the disk.
    """
    job = jobs.find(person, run)
    found = source.of(jobs.workspace, job.id, job.name)
    found.check()
    require(found, choice, jobs.workspace.root)
    return found


def require(found: Source, choice: Choice, root: Path) -> None:
    """ModelError when a run that is sound cannot be had in this form, or does not fit on the disk."""
    if choice.to == "gguf" and found.sees:
        raise ModelError("export.sees", name=found.name)
    if choice.rounded and found.quantised is None:
        raise ModelError("export.not_rounded", name=found.name)
    if choice.to == "hub":
        _require_hub(choice)
    elif choice.to == "gguf":
        llama_cpp.require(found.facts().model_type)
    elif choice.to == "capsule":
        if found.request.get("stages"):
            raise ModelError("chains.no_capsule", name=found.name)
        capsule.require(found)
    needed, free = size.disk_bytes(found, choice), shutil.disk_usage(root).free
    if needed > free:
        raise ModelError("export.no_room", needed=bytes_read(needed), free=bytes_read(free))


def _require_hub(choice: Choice) -> None:
    if not HUB_ID.match(choice.hub) or ".." in choice.hub:
        raise ModelError("models.import_hub_id", name=choice.hub[:100])
    card.require(choice.card)
    if not credentials.origin():
        raise ModelError("export.no_token")


def forecast(found: Source, choice: Choice) -> Phrase:
    """What it takes, in one sentence, before anything is started."""
    memory, disk = size.memory_bytes(found, choice), size.disk_bytes(found, choice)
    return Phrase("export.forecast", memory=bytes_read(memory), disk=bytes_read(disk))


def onto(found: Source, choice: Choice) -> Phrase | None:
    """After QLoRA there are two weights to merge into: which of them it is, and what that means."""
    if found.quantised is None or choice.to not in HEAVY:
        return None
    return Phrase("export.onto.rounded" if choice.rounded else "export.onto.whole")


def start_export(person: Person, jobs: Jobs, run: str, choice: Choice, name: str = "") -> Job:
    """Queue an export. Errors as of `prepare`; JobError when the name cannot be used. `name` "": one is made."""
    found = prepare(person, jobs, run, choice)
    job = jobs.find(person, run)
    request = ExportRequest(run=job.id, run_name=job.name, choice=choice)
    called = name or names.free(
        names.from_file(f"{job.name} {choice.to}", "run"), [one.name for one in jobs.all(person)]
    )
    heavy = choice.to in HEAVY or choice.what == "merged"
    new = NewJob(
        kind=KIND,
        name=called,
        request=request.model_dump(mode="json"),
        device=("gpu:0" if this_machine(jobs.workspace.root).gpus else "cpu") if heavy else "hub",
        forecast_bytes=size.memory_bytes(found, choice) if heavy else None,
    )
    return jobs.submit(person, new)
