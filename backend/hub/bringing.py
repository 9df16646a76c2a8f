"""Models that are on this computer already: in a folder, in the cache of huggingface_hub, or uploaded by the browser.

What lies on this computer is used where it is. A copy would take its gigabytes twice; a hard link works on one file
system only, and the space would stay taken after the person has cleared the cache. The price: when the files are
moved away the model can no longer be used, and says so.
"""

import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from backend import names
from backend.errors import AccessError, ModelError
from backend.hub import checking, selection
from backend.hub.offer import Cached
from backend.hub.submit import require_room
from backend.models import arrivals, catalogue
from backend.models.catalogue import Model
from backend.paths import Workspace
from backend.people import HOME, Person


def from_folder(person: Person, workspace: Workspace, typed: str, name: str = "") -> Model:
    """The model in a folder of this computer, used there. ModelError says why it cannot be, JobError for the name.

    AccessError for anybody but the one person of a studio at home: it is her computer.
    """
    _require_home(person)
    folder = _folder(typed.strip())
    return _in_place(person, workspace, folder, str(folder), name)


def from_cache(person: Person, workspace: Workspace, cached: Cached, name: str = "") -> Model:
    """A model of `backend.hub.desk.cached`, used where it lies; errors as `from_folder`."""
    _require_home(person)
    folder = Path(cached.folder)
    if not folder.is_dir():
        raise ModelError("models.not_downloaded", name=cached.hub_id)
    return _in_place(person, workspace, folder, cached.hub_id, name)


def from_upload(person: Person, workspace: Workspace, files: Mapping[str, Path], name: str) -> Model:
    """The files of a model as somebody sent them, by name, or one zip archive of them: copied, then checked.

    ModelError for what is no model or has no room, JobError for the name; nothing of it stays when it is refused.
    """
    called = names.unused(name, [model.name for model in catalogue.available(person, workspace)], "model")
    if not files:
        raise ModelError("hub.upload_nothing")
    require_room(workspace, sum(path.stat().st_size for path in files.values()))
    with tempfile.TemporaryDirectory(dir=workspace.root, prefix=".incoming-") as place:
        staging = Path(place) / "model"
        archive = next(iter(files.values())) if len(files) == 1 else None
        if archive is not None and next(iter(files)).lower().endswith(".zip"):
            arrivals.unpack_model(archive, staging, lambda sent: _wanted(called, sent))
        else:
            _copy(called, files, staging)
        return _adopt(person, workspace, staging, called)


def _folder(typed: str) -> Path:
    """ModelError for whatever is no folder here: too long a name, a character that no path has, a home of nobody."""
    try:
        folder = Path(typed).expanduser()
        if typed and folder.is_dir():
            return folder.resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelError("models.import_no_folder", path=typed[:200]) from error
    raise ModelError("models.import_no_folder", path=typed[:200])


def _copy(model: str, files: Mapping[str, Path], into: Path) -> None:
    """Only what makes a model is copied; pickled weights beside it stay behind."""
    into.mkdir()
    for name in _wanted(model, files):
        shutil.copyfile(files[name], into / name)


def _wanted(model: str, sent: Iterable[str]) -> list[str]:
    known = list(sent)
    selection.refuse_without_weights(model, known, here=True)
    return selection.needed(known)


def _adopt(person: Person, workspace: Workspace, staging: Path, name: str) -> Model:
    kind, rounded = checking.require_model(staging, name)
    made = Model(id="", name=name, location="", kind=kind, quantised=rounded)
    return catalogue.adopt(person, workspace, made, staging)


def _in_place(person: Person, workspace: Workspace, folder: Path, source: str, name: str) -> Model:
    every = catalogue.available(person, workspace)
    for known in every:
        if known.folder.resolve() == folder.resolve():
            raise ModelError("hub.already_here", name=source, called=known.name)
    kind, rounded = checking.require_model(folder, source)
    taken = [model.name for model in every]
    stem = names.from_file(Path(source).name, "model")
    called = names.unused(name, taken, "model") if name else names.free(stem, taken, "model")
    made = Model(id="", name=called, location=str(folder), source=source, kind=kind, quantised=rounded)
    return catalogue.register(person, workspace, made)


def _require_home(person: Person) -> None:
    if person.id != HOME.id:
        raise AccessError("models.import_home_only")
