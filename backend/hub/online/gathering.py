"""The job that makes a data set of a corpus from the Hub: files fetched, their texts kept as rows, an index made."""

import shutil
from pathlib import Path

from backend import names
from backend.data import datasets
from backend.data.corpora import index
from backend.data.datasets import Dataset
from backend.data.intake import uploads
from backend.data.sources import parquet
from backend.errors import DataError
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

STAGING, PART = ".fetched", ".part-of"


def gather(job: JobContext, asked: Fetch) -> int:
    """Every file goes on where it broke off; the rows are written once all files are there and right."""
    workspace, staging = Workspace(job.folder.path.parent.parent), job.folder.path / STAGING
    owner = Person(job.folder.read(job.folder.request)["job"]["owner"])
    made = here(owner, workspace, asked)
    if made is None:
        staging.mkdir(exist_ok=True)
        job.say(Phase(name="downloading"))
        try:
            paths = _fetch_all(job, asked, staging, workspace)
        except Stopped:
            if job.stop_requested() == "discard":
                shutil.rmtree(staging)
            return ExitCode.STOPPED
        if asked.field == AS_FILES:
            job.folder.write(job.folder.result, {"upload": _handed(owner, workspace, asked, paths)})
            shutil.rmtree(staging, ignore_errors=True)
            return ExitCode.DONE
        job.say(Phase(name="checking"))
        made = _keep(owner, workspace, asked, [path for _, path in paths])
    index.of(made, workspace)
    shutil.rmtree(staging, ignore_errors=True)
    shutil.rmtree(job.folder.checkpoints, ignore_errors=True)
    job.folder.write(job.folder.result, {"data": made.id, "rows": made.rows, "bytes": asked.bytes})
    return ExitCode.DONE


def _fetch_all(job: JobContext, asked: Fetch, staging: Path, workspace: Workspace) -> list[tuple[str, Path]]:
    """The files with the rows that are wanted: by their names on the Hub. Behind the last of them none is fetched.

    DataError when there are not so many rows.
    """
    if asked.rows.last is None:
        require_room(workspace, asked.bytes - arrived(asked.files, staging))
    place = Place(asked.hub_id, asked.revision, Hub().endpoint, "dataset")
    progress = Progress(job, asked.bytes)
    found, before = [], 0
    for file in asked.files:
        if asked.rows.last is not None:
            require_room(workspace, file.size - arrived((file,), staging))
        (staging / file.path).parent.mkdir(parents=True, exist_ok=True)
        progress.file = file.path
        fetch(place, file, staging, progress.watch)
        progress.before += file.size
        if asked.rows.whole:
            found.append((file.path, staging / file.path))
            continue
        count = parquet.count(staging / file.path)
        first, end = asked.rows.within(before, count)
        if first < end:
            found.append((file.path, _part(staging, file.path, first, end)))
        before += count
        if asked.rows.last is not None and before >= asked.rows.last:
            break
    if not found:
        raise DataError("hub.corpus_fewer", name=asked.hub_id, rows=before, first=asked.rows.first)
    return found


def _part(staging: Path, name: str, first: int, end: int) -> Path:
    path = staging / PART / name
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.cut(staging / name, path, first, end)
    return path


def _handed(owner: Person, workspace: Workspace, asked: Fetch, paths: list[tuple[str, Path]]) -> str:
    """The files as an upload, with where they are from."""
    origin = {"hub_id": asked.hub_id, "revision": asked.revision, "part": _told(asked)}
    origin["licence"] = asked.licence.name or asked.licence.id or ""
    return uploads.take(owner, workspace, paths, origin)


def _told(asked: Fetch) -> str:
    """Configuration, split and rows, as they are written down."""
    rows = f"rows {asked.rows.text}" if asked.rows.text else ""
    return ", ".join(filter(None, (asked.config, asked.split, rows)))


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
        "part": _told(asked),
        "licence": asked.licence.name or asked.licence.id or "",
    }
    return datasets.take(workspace, paths, values, skip_bad=True, field=asked.field)
