"""The jobs that fetch from the Hub: a model for the catalogue, a corpus, or an adapter into its own run folder."""

import json
import logging
import shutil
from pathlib import Path

from backend.hub import adapter, checking
from backend.hub.corpora.submit import Fetch
from backend.hub.offer import HubFile
from backend.hub.online.client import Hub
from backend.hub.online.fetch import Place, Stopped, arrived, fetch
from backend.hub.online.gathering import gather
from backend.hub.online.progress import Progress
from backend.hub.submit import Download, require_room
from backend.jobs.context import JobContext
from backend.jobs.events import Phase
from backend.jobs.model import ExitCode
from backend.models import catalogue
from backend.models.catalogue import RECORD, Model
from backend.names import free
from backend.paths import Workspace, write_atomically
from backend.people import Person

MANIFEST = "manifest.json"
STAGING = ".fetched"
# The library warns of every file that comes over plain HTTP; that is how it is wanted here.
logging.getLogger("huggingface_hub").setLevel(logging.ERROR)


def run(job: JobContext) -> int:
    """Fetch, check, keep; ModelError says what is wrong with what was found, or that nothing was."""
    if "corpus" in job.request:
        return gather(job, Fetch(**job.request["corpus"]))
    if "download" in job.request:
        return model(job, Download(**job.request["download"]))
    return adapter.run(job)


def model(job: JobContext, asked: Download) -> int:
    """Every file into a folder of this run; when all of them are right, the folder becomes a model in one rename."""
    workspace = Workspace(job.folder.path.parent.parent)
    chosen, staging = job.folder.path.name, job.folder.path / STAGING
    if not (workspace.models / chosen / RECORD).is_file():
        staging.mkdir(exist_ok=True)
        require_room(workspace, asked.bytes - arrived(asked.files, staging))
        job.say(Phase(name="downloading"))
        try:
            _fetch_all(job, asked, staging)
        except Stopped:
            if job.stop_requested() == "discard":
                shutil.rmtree(staging)
            return ExitCode.STOPPED
        job.say(Phase(name="checking"))
        _keep(job, asked, staging, workspace)
    shutil.rmtree(job.folder.checkpoints, ignore_errors=True)
    job.folder.write(job.folder.result, {"model": chosen, "bytes": asked.bytes, "files": len(asked.files)})
    return ExitCode.DONE


def _fetch_all(job: JobContext, asked: Download, staging: Path) -> None:
    """The small files first: what is wrong with the model shows before its gigabytes have come."""
    place = Place(asked.hub_id, asked.revision, Hub().endpoint)
    progress = Progress(job, asked.bytes)
    for file in sorted(asked.files, key=lambda file: (file.size, file.path)):
        progress.file = file.path
        fetch(place, file, staging, progress.watch)
        progress.before += file.size


def _keep(job: JobContext, asked: Download, staging: Path, workspace: Workspace) -> None:
    kind, rounded = checking.require_model(staging, asked.hub_id)
    owner = Person(job.folder.read(job.folder.request)["job"]["owner"])
    wanted = {file.path for file in asked.files} | {MANIFEST}
    for path in staging.iterdir():
        if path.name not in wanted:
            path.unlink()
    write_atomically(staging / MANIFEST, json.dumps(_manifest(asked), ensure_ascii=False, indent=1))
    made = Model(
        id=job.folder.path.name,
        name=free(asked.name, [model.name for model in catalogue.available(owner, workspace)], "model"),
        location="",
        source=asked.hub_id,
        kind=kind,
        revision=asked.revision,
        licence=asked.licence.name or asked.licence.id or "",
        quantised=rounded,
    )
    catalogue.adopt(owner, workspace, made, staging)


def _manifest(asked: Download) -> dict[str, object]:
    """Where every byte came from, and who accepted which licence when."""
    files = {file.path: {"size": file.size} | _hash(file) for file in asked.files}
    values = asked.model_dump(mode="json", include={"hub_id", "revision", "branch", "licence"})
    return values | {"bytes": asked.bytes, "files": files}


def _hash(file: HubFile) -> dict[str, str]:
    return {"sha256": file.sha256} if file.sha256 else {"git_blob": file.blob or ""}
