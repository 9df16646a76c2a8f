"""The job that fetches an adapter from the Hugging Face Hub into its own run folder: three files, nothing else."""

import os
import shutil
from pathlib import Path

import httpx2
from huggingface_hub import HfApi, get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
)

from backend.errors import ModelError
from backend.jobs.context import JobContext
from backend.jobs.events import Phase
from backend.jobs.model import ExitCode
from backend.jobs.service import Jobs
from backend.ledger.store import Ledger
from backend.models import arrivals, imports
from backend.models.adapters import CONFIG, TENSORS
from backend.paths import Workspace
from backend.people import Person


def run(job: JobContext) -> int:
    """Fetch, check, keep; ModelError says what is wrong with what was found, or that nothing was."""
    hub_id = str(job.request["source"]["hub"])
    staging = job.folder.path / ".fetched"
    shutil.rmtree(staging, ignore_errors=True)
    job.say(Phase(name="loading"))
    for name in (CONFIG, TENSORS):
        if job.stop_requested() is not None:
            return ExitCode.STOPPED
        _fetch(hub_id, name, staging)
    job.say(Phase(name="checking"))
    _keep(job, staging)
    return ExitCode.DONE


def _fetch(hub_id: str, name: str, into: Path) -> None:
    """ModelError for everything that keeps a file from being fetched, but a disk without room (OSError)."""
    endpoint = os.environ.get("HF_ENDPOINT") or None
    try:
        size = get_hf_file_metadata(hf_hub_url(hub_id, name, endpoint=endpoint)).size or 0
        if size > arrivals.MOST_BYTES:
            raise ModelError("models.hub_too_large", size=size // 10**6, limit=arrivals.MOST_BYTES // 10**6)
        HfApi(endpoint=endpoint).hf_hub_download(hub_id, name, local_dir=into)
    except LocalEntryNotFoundError as error:
        raise ModelError("models.hub_unreachable", error=type(error).__name__) from error
    except GatedRepoError as error:
        raise ModelError("models.hub_gated", name=hub_id) from error
    except RepositoryNotFoundError as error:
        raise ModelError("models.hub_not_found", name=hub_id) from error
    except EntryNotFoundError as error:
        raise ModelError("models.no_adapter", file=name) from error
    except (HfHubHTTPError, httpx2.HTTPError, ConnectionError) as error:
        raise ModelError("models.hub_unreachable", error=type(error).__name__) from error


def _keep(job: JobContext, staging: Path) -> None:
    workspace = Workspace(job.folder.path.parent.parent)
    whole = job.folder.read(job.folder.request)
    jobs = Jobs(Ledger.of(workspace), workspace)
    checked = job.folder.path / ".checked"
    shutil.rmtree(checked, ignore_errors=True)
    arrivals.take(staging, checked)
    model = imports.settle(Person(whole["job"]["owner"]), jobs, checked)
    more = imports.request_for(model, checked, whole["source"])
    shutil.rmtree(job.folder.adapter, ignore_errors=True)
    checked.rename(job.folder.adapter)
    shutil.rmtree(staging)
    job.folder.write(job.folder.request, {**whole, **more}, mode=0o600)
    job.folder.write(job.folder.result, {"adapter": job.folder.adapter.name})
