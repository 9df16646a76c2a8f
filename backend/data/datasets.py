"""The data sets a person may train on: those that ship with the studio and those they added.

A data set of a person is a folder of the workspace named by its id: rows.jsonl and dataset.json, made elsewhere and
moved there as a whole. A folder without the second is not a data set (somebody was interrupted).
"""

import hashlib
import json
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, BinaryIO

import yaml
from pydantic import BaseModel, ConfigDict, Field

from backend import names
from backend.data import reading, rows
from backend.data.files import encoding
from backend.data.shapes import Shape
from backend.data.sources import parquet
from backend.errors import AccessError, DataError
from backend.paths import SAMPLE_DATA, Workspace, sync_folder, write_atomically
from backend.people import Person

SHIPPED = SAMPLE_DATA / "chats", SAMPLE_DATA / "scenes"
ROWS, RECORD = "rows.jsonl", "dataset.json"
LEFT_BEHIND_SECONDS = 24 * 3600


class Step(BaseModel):
    """One thing that was done to a version to make the next: what it is called, and how it was set."""

    model_config = ConfigDict(frozen=True)
    name: str
    settings: dict[str, Any] = Field(default_factory=dict)


class Dataset(BaseModel):
    """`path` holds `rows` rows in their stored form; `sha256` is of that file, `source_sha256` of the file it is from.

    `titles` and `about` are by language and only given for shipped sets; `skipped` lines of the source were left out.
    `hub_id`, `revision` (a commit), `part` (configuration, split, rows) and `licence` of one from the Hub. A
    version made from another one has that one's id as its `parent`, the id of the first one as its `series`, and
    all `steps` since then.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    id: str
    name: str
    path: Path
    rows: int
    shape: Shape
    sha256: str
    shipped: bool = False
    owner: str = ""
    titles: dict[str, str] = Field(default_factory=dict)
    about: dict[str, str] = Field(default_factory=dict)
    source_sha256: str = ""
    skipped: int = 0
    added_at: float = 0.0
    hub_id: str = ""
    revision: str = ""
    part: str = ""
    licence: str = ""
    series: str = ""
    version: int = 1
    parent: str = ""
    steps: tuple[Step, ...] = ()

    @property
    def line(self) -> str:
        """What all versions of it have in common: the id of the first."""
        return self.series or self.id

    def title(self, language: str) -> str:
        return self.titles.get(language, self.name)


def available(person: Person, workspace: Workspace) -> list[Dataset]:
    """The shipped sets, then the person's own, oldest first; of several versions the newest."""
    every = every_version(person, workspace)
    newest: dict[str, Dataset] = {}
    for one in every:
        if one.line not in newest or one.version >= newest[one.line].version:
            newest[one.line] = one
    return [one for one in every if newest[one.line] is one]


def every_version(person: Person, workspace: Workspace) -> list[Dataset]:
    """As `available`, with all versions of each."""
    return [*_shipped(), *_own(person, workspace)]


def find(person: Person, workspace: Workspace, ref: str) -> Dataset:
    """Any version with this id, or the newest with this name; AccessError when this person has none, DataError for a
    path or an address.
    """
    by_id = [found for found in every_version(person, workspace) if found.id == ref]
    for found in by_id or (one for one in available(person, workspace) if names.same(one.name, ref)):
        return found
    if "://" in ref:
        raise DataError("data.address")
    if Path(ref).is_absolute():
        raise DataError("data.outside")
    raise AccessError("data.not_here", name=ref[:100])


def add(  # noqa: PLR0913 - one keyword for each thing a person chooses
    person: Person,
    workspace: Workspace,
    path: Path,
    name: str,
    *,
    skip_bad: bool = False,
    convert: bool = False,
    field: str = reading.TEXT,
) -> Dataset:
    """Check a file (JSONL, parquet or .txt) and keep its rows; the set from the same bytes when there is one.

    DataError for what is wrong with the file (`skip_bad` leaves out faulty lines, `convert` reads a file that is not
    UTF-8 as what it looks like, `field` holds the texts), JobError for a name that is not allowed or taken.
    """
    if not path.is_file():
        raise AccessError("data.not_found")
    source = _digest(path) + ("" if field == reading.TEXT else f" {field}")
    mine = _own(person, workspace)
    for known in mine:
        if known.source_sha256 == source and (skip_bad or not known.skipped):
            return known
    cleaned = names.unused(name, [other.name for other in (*_shipped(), *mine)], "data")
    values = {"name": cleaned, "owner": person.id, "source_sha256": source}
    with tempfile.TemporaryDirectory(dir=workspace.datasets, prefix=".incoming-") as folder:
        readable = encoding.as_utf_8(path, Path(folder)) if convert and not parquet.is_one(path) else path
        return take(workspace, [readable], values, skip_bad=skip_bad, field=field)


def take(
    workspace: Workspace,
    paths: Sequence[Path],
    values: Mapping[str, Any],
    *,
    skip_bad: bool = False,
    field: str = reading.TEXT,
) -> Dataset:
    """Keep the rows of these files as one data set with these `values` (name, owner, where it is from); DataError as
    `add`.
    """
    _sweep(workspace)
    with tempfile.TemporaryDirectory(dir=workspace.datasets, prefix=".incoming-") as folder:
        write = partial(reading.store, paths, skip_bad=skip_bad, field=field)
        return keep(workspace, Path(folder) / "whole", write, values)


def keep(
    workspace: Workspace,
    staging: Path,
    write: Callable[[BinaryIO], reading.Findings],
    values: Mapping[str, Any],
    dataset_id: str = "",
) -> Dataset:
    """Make a data set of what `write` writes: in `staging`, a new folder of the same disk, which then becomes the data
    set in one rename. Killed at any moment, there is the whole data set or none. `dataset_id`: a new one, unless given.
    """
    staging.mkdir()
    with (staging / ROWS).open("wb") as file:
        findings = write(file)
        file.flush()
        os.fsync(file.fileno())
    place = workspace.datasets / (dataset_id or uuid.uuid4().hex)
    found = {"rows": findings.rows, "shape": findings.shape, "sha256": findings.digest, "skipped": findings.faulty}
    dataset = Dataset(id=place.name, path=place / ROWS, **{**values, "added_at": time.time(), **found})
    write_atomically(staging / RECORD, dataset.model_dump_json(exclude={"path", "shipped"}, indent=1))
    staging.rename(place)
    sync_folder(workspace.datasets)
    return dataset


def bring(person: Person, workspace: Workspace, ref: str, *, skip_bad: bool = False) -> Dataset:
    """What the command line may name: a set by id or name, or a JSONL file, which is added under its own name."""
    path = Path(ref)
    if not path.is_file():
        return find(person, workspace, ref)
    taken = [known.name for known in available(person, workspace)]
    return add(person, workspace, path, names.free(names.from_file(path.stem), taken, "data"), skip_bad=skip_bad)


def rename(person: Person, workspace: Workspace, dataset_id: str, name: str) -> Dataset:
    """Give one of the person's own sets this name, all its versions with it; AccessError when there is none with this
    id, JobError for a name that is not allowed or taken.
    """
    mine = _own(person, workspace)
    own = next((own for own in mine if own.id == dataset_id), None)
    if own is None:
        raise AccessError("data.not_found")
    others = [other.name for other in (*_shipped(), *mine) if other.line != own.line]
    cleaned = names.unused(name, others, "data")
    for version in (one for one in mine if one.line == own.line):
        renamed = version.model_copy(update={"name": cleaned})
        write_atomically(version.path.parent / RECORD, renamed.model_dump_json(exclude={"path", "shipped"}, indent=1))
    return own.model_copy(update={"name": cleaned})


def delete(person: Person, workspace: Workspace, dataset_id: str) -> None:
    """Remove one of the person's own sets; AccessError when there is none with this id."""
    own = next((own for own in _own(person, workspace) if own.id == dataset_id), None)
    if own is None:
        raise AccessError("data.not_found")
    folder = workspace.datasets / dataset_id
    (folder / RECORD).unlink()
    shutil.rmtree(folder)
    shutil.rmtree(workspace.indexes / own.sha256, ignore_errors=True)
    shutil.rmtree(workspace.reviews / own.id, ignore_errors=True)


def _sweep(workspace: Workspace) -> None:
    """Remove what an interrupted addition left behind."""
    for folder in workspace.datasets.iterdir():
        if not (folder / RECORD).exists() and time.time() - folder.stat().st_mtime > LEFT_BEHIND_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


def _own(person: Person, workspace: Workspace) -> list[Dataset]:
    found = []
    for record in workspace.datasets.glob(f"*/{RECORD}"):
        values = json.loads(record.read_text(encoding="utf-8"))
        dataset = Dataset(**{**values, "path": record.parent / ROWS, "id": record.parent.name, "shipped": False})
        if dataset.owner == person.id:
            found.append(dataset)
    return sorted(found, key=lambda own: (own.added_at, own.id))


def _shipped() -> list[Dataset]:
    return [found for folder in SHIPPED if (folder / "index.yaml").exists() for found in _shipped_in(folder)]


def _shipped_in(folder: Path) -> list[Dataset]:
    state = (folder / "index.yaml").stat()
    found = []
    for entry in _index(folder / "index.yaml", state.st_mtime_ns, state.st_size):
        path = folder / entry["file"]
        state = path.stat()
        count, shape, digest = _measured(path, state.st_mtime_ns, state.st_size)
        titles, about = entry["title"], entry.get("about", {})
        values = {"rows": count, "shape": shape, "sha256": digest, "shipped": True, "titles": titles, "about": about}
        found.append(Dataset(id=entry.get("id", path.stem), name=titles["en"], path=path, **values))
    return found


@lru_cache(maxsize=4)
def _index(path: Path, _changed_at: int, _size: int) -> list[dict[str, Any]]:
    """The shipped sets as they are listed."""
    index: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return index


@lru_cache(maxsize=64)
def _measured(path: Path, _changed_at: int, _size: int) -> tuple[int, Shape, str]:
    """(rows, shape, sha256) of a shipped file; read again only when the file has changed."""
    count, shape = 0, rows.shape({})
    for row in rows.read(path):
        count, shape = count + 1, rows.shape(row)
    return count, shape, _digest(path)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
