"""An adapter that was trained elsewhere becomes a run: checked first, then kept like what a training leaves."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from backend import names
from backend.errors import AccessError, ModelError
from backend.jobs.folder import RunFolder
from backend.jobs.model import Job, NewJob
from backend.jobs.service import Jobs
from backend.models import adapters, arrivals, weights
from backend.models.catalogue import HUB_ID, Model
from backend.people import HOME, Person

KIND = "import"
DEVICE = "hub"


def from_folder(person: Person, jobs: Jobs, typed: str, name: str = "") -> Job:
    """The adapter in a folder of this computer, copied. ModelError for what cannot be used, JobError for the name.

    `name` "": the folder's. AccessError for anybody but the one person of a studio at home: it is her computer.
    """
    if person.id != HOME.id:
        raise AccessError("models.import_home_only")
    found = arrivals.folder_at(typed)
    stem = found.parent.name if found.name == "adapter" else found.name
    return _keep(person, jobs, found, name or _free(person, jobs, stem), {"folder": str(found)})


def from_zip(person: Person, jobs: Jobs, archive: Path, name: str = "") -> Job:
    """As `from_folder`, out of a zip archive; nothing of it stays when it is refused."""
    workspace = jobs.workspace
    with tempfile.TemporaryDirectory(dir=workspace.root, prefix=".incoming-") as place:
        found = arrivals.unpack(archive, Path(place) / "adapter")
        return _keep(person, jobs, found, name or _free(person, jobs, archive.stem), {"zip": archive.name[:200]})


def from_hub(person: Person, jobs: Jobs, hub_id: str, name: str = "") -> Job:
    """A job that fetches the adapter with this Hub id; ModelError for what is no id, the rest is said by the job."""
    wanted = hub_id.strip()
    if not HUB_ID.match(wanted) or ".." in wanted:
        raise ModelError("models.import_hub_id", name=wanted[:100])
    called = name or _free(person, jobs, wanted.rpartition("/")[2])
    return jobs.submit(person, NewJob(KIND, called, {"source": {"hub": wanted}}, device=DEVICE))


def settle(person: Person, jobs: Jobs, folder: Path) -> Model:
    """Check the adapter in `folder` against the model it was made for, and write down which one that is."""
    model = adapters.base_of(person, jobs.workspace, folder)
    adapters.check(folder, model)
    known = adapters.record(folder)
    base = {"id": model.id, "name": model.name, "location": model.location}
    text = json.dumps(known | {"base": base | {"sha256": weights.fingerprint(model.folder)}}, ensure_ascii=False)
    (folder / adapters.RECORD).write_text(text, encoding="utf-8")
    return model


def request_for(model: Model, folder: Path, source: dict[str, str]) -> dict[str, Any]:
    """What a run says that was not trained here; an adapter of QLoRA is asked on rounded weights."""
    method = adapters.record(folder).get("recipe", {}).get("method")
    recipe = {"recipe": {"method": method}} if method else {}
    return {"model": model.model_dump(mode="json"), "source": source, **recipe}


def _keep(person: Person, jobs: Jobs, found: Path, name: str, source: dict[str, str]) -> Job:
    names.check(name)
    with tempfile.TemporaryDirectory(dir=jobs.workspace.root, prefix=".incoming-") as place:
        copy = Path(place) / "checked"
        arrivals.take(found, copy)
        model = settle(person, jobs, copy)

        def fill(folder: RunFolder) -> None:
            shutil.move(copy, folder.adapter)
            figures = {"adapter": folder.adapter.name, "steps": adapters.record(folder.adapter).get("steps")}
            folder.write(folder.result, figures)

        return jobs.keep(person, NewJob(KIND, name, request_for(model, copy, source), device=DEVICE), fill)


def _free(person: Person, jobs: Jobs, stem: str) -> str:
    return names.free(names.from_file(stem, "run"), [job.name for job in jobs.all(person)])
