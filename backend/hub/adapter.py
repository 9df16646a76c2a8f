"""The job that fetches an adapter from the Hugging Face Hub into its own run folder: two files, nothing else."""

import shutil

from backend.errors import ModelError
from backend.hub.offer import HubFile
from backend.hub.online.client import Hub
from backend.hub.online.fetch import Place, Stopped, fetch
from backend.hub.online.progress import Progress
from backend.jobs.context import JobContext
from backend.jobs.events import Phase
from backend.jobs.model import ExitCode
from backend.jobs.service import Jobs
from backend.ledger.store import Ledger
from backend.models import arrivals, imports
from backend.models.adapters import CONFIG, TENSORS
from backend.paths import Workspace
from backend.people import Person

STAGING, CHECKED = ".fetched", ".checked"
REVISION = "revision.txt"


def run(job: JobContext) -> int:
    """Fetch, check, keep; ModelError says what is wrong with what was found, or that nothing was."""
    hub_id, hub = str(job.request["source"]["hub"]), Hub()
    staging = job.folder.path / STAGING
    job.say(Phase(name="downloading"))
    revision, files = hub.files(hub_id, (CONFIG, TENSORS))
    _require(files)
    _begin(job, revision)
    progress = Progress(job, sum(file.size for file in files))
    try:
        for file in files:
            progress.file = file.path
            fetch(Place(hub_id, revision, hub.endpoint), file, staging, progress.watch)
            progress.before += file.size
    except Stopped:
        return ExitCode.STOPPED
    job.say(Phase(name="checking"))
    _keep(job)
    return ExitCode.DONE


def _require(files: list[HubFile]) -> None:
    """ModelError when it is no adapter, one whose weights could run a program, or larger than any adapter is."""
    named = {file.path for file in files}
    if missing := [name for name in (CONFIG, TENSORS) if name not in named]:
        raise ModelError("models.no_adapter", file=missing[0])
    size = sum(file.size for file in files)
    if size > arrivals.MOST_BYTES:
        raise ModelError("models.hub_too_large", size=size // 10**6, limit=arrivals.MOST_BYTES // 10**6)


def _begin(job: JobContext, revision: str) -> None:
    """What an earlier attempt has fetched is of use only when it was the same commit."""
    staging = job.folder.path / STAGING
    mark = staging / REVISION
    if not mark.is_file() or mark.read_text(encoding="utf-8") != revision:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir()
        mark.write_text(revision, encoding="utf-8")


def _keep(job: JobContext) -> None:
    staging, checked = job.folder.path / STAGING, job.folder.path / CHECKED
    workspace = Workspace(job.folder.path.parent.parent)
    whole = job.folder.read(job.folder.request)
    jobs = Jobs(Ledger.of(workspace), workspace)
    shutil.rmtree(checked, ignore_errors=True)
    arrivals.take(staging, checked)
    model = imports.settle(Person(whole["job"]["owner"]), jobs, checked)
    more = imports.request_for(model, checked, whole["source"])
    shutil.rmtree(job.folder.adapter, ignore_errors=True)
    checked.rename(job.folder.adapter)
    shutil.rmtree(staging)
    job.folder.write(job.folder.request, {**whole, **more}, mode=0o600)
    job.folder.write(job.folder.result, {"adapter": job.folder.adapter.name})
