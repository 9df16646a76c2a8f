"""The base models a person may use: those that ship with the studio and those they brought.

A model of a person is a folder of the workspace named by its id, with model.json; the weights are beside it, or at
`location` when they stay where they were.
"""

import errno
import json
import os
import re
import shutil
import time
import uuid
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from backend import names
from backend.errors import AccessError, ModelError
from backend.models import weights
from backend.models.facts import facts, read_config
from backend.models.sight.config import sees
from backend.paths import SHIPPED_MODELS, Workspace, sync_folder, write_atomically
from backend.people import Person

RECORD = "model.json"
HUB_ID = re.compile(r"^[\w.-]{1,96}/[\w.-]{1,96}$")


class Model(BaseModel):
    """`location` is a folder with config.json, safetensors and the tokenizer; `source` is what the person named.

    `kind`: "text" or "vision"; `revision`: its commit on the Hub; `licence`: as its page states it; `quantised`: how
    its weights are rounded already ("" for not at all); `describes`: by language, the words at which a model that sees
    describes a picture, where it does not understand others.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    id: str
    name: str
    location: str
    shipped: bool = False
    owner: str = ""
    source: str = ""
    kind: str = "text"
    revision: str = ""
    licence: str = ""
    quantised: str = ""
    titles: dict[str, str] = Field(default_factory=dict)
    about: dict[str, str] = Field(default_factory=dict)
    describes: dict[str, str] = Field(default_factory=dict)
    added_at: float = 0.0

    @property
    def folder(self) -> Path:
        return Path(self.location)

    def title(self, language: str) -> str:
        return self.titles.get(language, self.name)


def available(person: Person, workspace: Workspace) -> list[Model]:
    """The shipped models, then the person's own, oldest first."""
    own = [_own(record) for record in workspace.models.glob(f"*/{RECORD}")]
    mine = sorted((model for model in own if model.owner == person.id), key=lambda model: (model.added_at, model.id))
    return [*(_shipped(record) for record in sorted(SHIPPED_MODELS.glob(f"*/{RECORD}"))), *mine]


def find(person: Person, workspace: Workspace, ref: str) -> Model:
    """The model with this id, name or source; AccessError when this person has none."""
    every = available(person, workspace)
    by_id = [model for model in every if model.id == ref]
    by_name = (m for m in every if m.source == ref or any(names.same(w, ref) for w in (m.name, *m.titles.values())))
    for model in by_id or by_name:
        return model
    raise AccessError("models.not_found", name=ref[:200])


def bring(person: Person, workspace: Workspace, ref: str) -> Model:
    """What the command line may name: a known model, a folder with one, or the Hub id of one that is on this machine.

    Its files stay where they are; ModelError when they cannot be used.
    """
    try:
        return find(person, workspace, ref)
    except AccessError:
        folder = Path(ref).resolve() if Path(ref).is_dir() else _in_hub_cache(ref)
        if folder is None:
            raise
    source = ref if HUB_ID.match(ref) and not Path(ref).is_dir() else str(folder)
    every = available(person, workspace)
    for known in every:
        if known.source == source or (known.shipped and known.folder.resolve() == folder):
            return known
    facts(folder)
    weights.require(folder)
    taken = [model.name for model in every]
    name = names.free(names.from_file(Path(source).name, "model"), taken, "model")
    kind = "vision" if sees(read_config(folder)) else "text"
    return register(person, workspace, Model(id="", name=name, location=str(folder), source=source, kind=kind))


def register(person: Person, workspace: Workspace, model: Model) -> Model:
    """A model whose files stay at its `location`."""
    folder = workspace.models / uuid.uuid4().hex
    folder.mkdir()
    made = model.model_copy(update={"id": folder.name, "owner": person.id, "added_at": time.time()})
    _write(folder, made)
    return made


def adopt(person: Person, workspace: Workspace, model: Model, files: Path) -> Model:
    """A model whose files, all of them in the folder `files`, become the workspace's in one rename.

    `model.id` may be chosen beforehand, so that whoever was interrupted finds out that it is done already.
    """
    place = workspace.models / (model.id or uuid.uuid4().hex)
    made = model.model_copy(update={"id": place.name, "owner": person.id, "added_at": time.time(), "location": ""})
    _write(files, made)
    shutil.rmtree(place, ignore_errors=True)  # what an interrupted copy has left is without a record
    try:
        files.rename(place)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # The models lie on another disk: the record comes last, for it is what makes a model of a folder.
        shutil.copytree(files, place, ignore=shutil.ignore_patterns(RECORD))
        _write(place, made)
        shutil.rmtree(files)
    sync_folder(place.parent)
    return _own(place / RECORD)


def _write(folder: Path, model: Model) -> None:
    write_atomically(folder / RECORD, model.model_dump_json(exclude={"shipped"}, indent=1))


def _shipped(record: Path) -> Model:
    values = json.loads(record.read_text(encoding="utf-8"))
    title, about = values.get("title", {}), values.get("about", {})
    name = title.get("en", values["id"])
    known = {
        "location": str(record.parent),
        "kind": values.get("kind", "text"),
        "describes": values.get("describes", {}),
    }
    return Model(id=values["id"], name=name, shipped=True, titles=title, about=about, **known)


def _own(record: Path) -> Model:
    values = json.loads(record.read_text(encoding="utf-8"))
    location = values.get("location") or str(record.parent)
    return Model(**{**values, "id": record.parent.name, "location": location, "shipped": False})


def _in_hub_cache(ref: str) -> Path | None:
    """The newest snapshot of a Hub model in huggingface_hub's cache; None for what is no Hub id."""
    if not HUB_ID.match(ref):
        return None
    home = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface"))
    cache = Path(os.environ.get("HF_HUB_CACHE", home / "hub")) / f"models--{ref.replace('/', '--')}"
    pointer = cache / "refs" / "main"
    snapshot = cache / "snapshots" / pointer.read_text(encoding="utf-8").strip() if pointer.is_file() else cache
    if not (snapshot / "config.json").is_file():
        raise ModelError("models.not_downloaded", name=ref)
    return snapshot
