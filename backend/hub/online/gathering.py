"""The job that makes a data set of a corpus from the Hub: files fetched, their texts kept as rows, an index made."""

import shutil
from pathlib import Path

from backend import names
from backend.data import datasets
from backend.data.corpora import index
from backend.data.datasets import Dataset
from backend.data.intake import uploads
from backend.data.sources import parquet
from backend.hub.corpora.submit import AS_FILES, Fetch, here
from backend.hub.online.client import Hub
from backend.hub.online.fetch import Place, Stopped, arrived, fetch
from backend.hub.online.progress import Progress
from backend.hub.submit import require_room
from backend.jobs.context import JobContext
from backend.jobs.events import Phase
from backend.jobs.model import ExitCode
from backend.paths import Workspace
from backend.people import Person

STAGING = ".fetched"


def gather(job: JobContext, asked: Fetch) -> int:
    """Every file goes on where it broke off; the rows are written once all files are there and right."""
    workspace, staging = Workspace(job.folder.path.parent.parent), job.folder.path / STAGING
    owner = Person(job.folder.read(job.folder.request)["job"]["owner"])
    made = here(owner, workspace, asked)
    if made is None:
        staging.mkdir(exist_ok=True)
        require_room(workspace, asked.bytes - arrived(asked.files, staging))
        job.say(Phase(name="downloading"))
        try:
            _fetch_all(job, asked, staging)
        except Stopped:
            if job.stop_requested() == "discard":
                shutil.rmtree(staging)
            return ExitCode.STOPPED
        if asked.field == AS_FILES:
            job.folder.write(job.folder.result, {"upload": _handed(owner, workspace, asked, staging)})
            shutil.rmtree(staging, ignore_errors=True)
            return ExitCode.DONE
        job.say(Phase(name="checking"))
        made = _keep(owner, workspace, asked, [staging / file.path for file in asked.files])
    index.of(made, workspace)
    shutil.rmtree(staging, ignore_errors=True)
    shutil.rmtree(job.folder.checkpoints, ignore_errors=True)
    job.folder.write(job.folder.result, {"data": made.id, "rows": made.rows, "bytes": asked.bytes})
    return ExitCode.DONE


def _fetch_all(job: JobContext, asked: Fetch, staging: Path) -> None:
    place = Place(asked.hub_id, asked.revision, Hub().endpoint, "dataset")
    progress = Progress(job, asked.bytes)
    for file in asked.files:
        (staging / file.path).parent.mkdir(parents=True, exist_ok=True)
        progress.file = file.path
        fetch(place, file, staging, progress.watch)
        progress.before += file.size


def _handed(owner: Person, workspace: Workspace, asked: Fetch, staging: Path) -> str:
    """The files as an upload, with where they are from."""
    origin = {"hub_id": asked.hub_id, "revision": asked.revision}
    origin["licence"] = asked.licence.name or asked.licence.id or ""
    return uploads.take(owner, workspace, [(file.path, staging / file.path) for file in asked.files], origin)


def _keep(owner: Person, workspace: Workspace, asked: Fetch, paths: list[Path]) -> Dataset:
    """Rows without a text are left out; how many is said by the data set (`skipped`)."""
    require_room(workspace, sum(parquet.unpacked(path, asked.field) for path in paths))
    taken = [known.name for known in datasets.available(owner, workspace)]
    values = {
        "name": names.free(asked.name, taken, "data"),
        "owner": owner.id,
        "source_sha256": asked.source,
        "hub_id": asked.hub_id,
        "revision": asked.revision,
        "licence": asked.licence.name or asked.licence.id or "",
    }
    return datasets.take(workspace, paths, values, skip_bad=True, field=asked.field)
