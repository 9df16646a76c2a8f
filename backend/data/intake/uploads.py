"""What somebody brings, while it is looked at and imported: an upload is a folder of files that came one after another.

Below it nothing has a name that was typed: each file lies in a folder with a number, under a cleaned name that keeps
its ending. What it was called stands in `files.jsonl`, a line for each file that has come whole.
"""

import errno
import json
import re
import shutil
import time
import uuid
from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from backend import names
from backend.data.opening.boxes import members
from backend.errors import AccessError, DataError
from backend.jobs.upkeep.disk import in_words
from backend.messages import Number
from backend.paths import Workspace, write_atomically
from backend.people import Person
from backend.settings import Settings

MOST_BYTES = 20_000_000_000
LONGEST_NAME, LONGEST_STEM = 500, 40
KEPT_SECONDS = 24 * 3600.0
OWNER, FILES, ORIGIN = "owner", "files.jsonl", "origin.json"
ID = re.compile(r"[0-9a-f]{32}")
ENDING = re.compile(r"\.[a-z0-9]{1,10}")


@dataclass
class Incoming:
    """A file on its way: `write` what comes, then `done`; one that is left before it is done leaves nothing."""

    name: str
    path: Path
    file: BinaryIO = field(init=False)
    finished: bool = False

    def __post_init__(self) -> None:
        self.path.parent.mkdir(parents=True)
        self.file = self.path.open("wb")

    def write(self, data: bytes) -> None:
        """DataError when the disk is full."""
        try:
            self.file.write(data)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DataError("data.upload_disk_full", name=self.name[:100]) from error
            raise

    def done(self) -> None:
        self.file.close()
        said = json.dumps({"name": self.name, "file": f"{self.path.parent.name}/{self.path.name}"})
        with (self.path.parent.parent / FILES).open("a", encoding="utf-8") as files:
            files.write(said + "\n")
        self.finished = True

    def close(self) -> None:
        self.file.close()
        if not self.finished:
            shutil.rmtree(self.path.parent, ignore_errors=True)


def begin(person: Person, workspace: Workspace) -> str:
    """The id of a new upload, without files."""
    made = uuid.uuid4().hex
    folder = workspace.uploads / made
    folder.mkdir(parents=True, mode=0o700)
    write_atomically(folder / OWNER, person.id)
    return made


def receive(person: Person, workspace: Workspace, upload: str, name: str, size: int) -> Incoming:
    """A place for a file of this name (with the folders it lay in) and about so many bytes.

    AccessError when there is no such upload; DataError for a name that leads elsewhere, for a file that is too large,
    and without room for it.
    """
    folder = _folder(person, workspace, upload)
    members.require_safe(name)
    if not name.strip() or len(name) > LONGEST_NAME:
        raise DataError("data.upload_name", most=LONGEST_NAME)
    if size > MOST_BYTES:
        raise DataError("data.upload_too_large", name=members.shown(name), size=exact(size), most=exact(MOST_BYTES))
    free = max(shutil.disk_usage(workspace.root).free - Settings.read().disk_floor, 0)
    if size > free:
        raise DataError("data.upload_no_room", need=in_words(size), free=in_words(free))
    return Incoming(name, folder / uuid.uuid4().hex / cleaned(name))


def files(person: Person, workspace: Workspace, upload: str) -> list[tuple[str, Path]]:
    """(the name it had, where it lies) of each in the order they came; AccessError when there is no such upload."""
    folder = _folder(person, workspace, upload)
    if not (folder / FILES).is_file():
        return []
    told = [json.loads(line) for line in (folder / FILES).read_text(encoding="utf-8").splitlines()]
    return [(one["name"], folder / one["file"]) for one in told]


def take(person: Person, workspace: Workspace, found: list[tuple[str, Path]], origin: dict[str, str]) -> str:
    """An upload of these files (name, where it lies), which are moved there; `origin`: what its data set says of where
    it is from.
    """
    upload = begin(person, workspace)
    folder = workspace.uploads / upload
    write_atomically(folder / ORIGIN, json.dumps(origin))
    for name, path in found:
        incoming = Incoming(name, folder / uuid.uuid4().hex / cleaned(name))
        path.replace(incoming.path)
        incoming.done()
    return upload


def origin(person: Person, workspace: Workspace, upload: str) -> dict[str, str]:
    """Where the files are from; {} for those that a person has brought."""
    place = _folder(person, workspace, upload) / ORIGIN
    said: dict[str, str] = json.loads(place.read_text(encoding="utf-8")) if place.is_file() else {}
    return said


def discard(person: Person, workspace: Workspace, upload: str) -> None:
    """AccessError when there is no such upload."""
    shutil.rmtree(_folder(person, workspace, upload))


def sweep(workspace: Workspace, needed: Container[str], now: float | None = None) -> None:
    """Remove the uploads that are a day old and not `needed`."""
    moment = time.time() if now is None else now
    for folder in workspace.uploads.iterdir() if workspace.uploads.is_dir() else ():
        if folder.name not in needed and moment - folder.stat().st_mtime > KEPT_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


def exact(size: int) -> Number:
    """In gigabytes with as many places as tell one above the limit from the limit."""
    return Number(f"{size / 1e9:.9f}".rstrip("0").rstrip("."))


def cleaned(name: str) -> str:
    """A name of our own that keeps what the file says of itself: letters, digits and its ending."""
    path = PurePosixPath(name.replace("\\", "/"))
    ending = path.suffix.lower()
    stem = names.from_file(path.stem or "file")[:LONGEST_STEM].rstrip(" .")
    return f"{stem or 'file'}{ending if ENDING.fullmatch(ending) else ''}"


def _folder(person: Person, workspace: Workspace, upload: str) -> Path:
    folder = workspace.uploads / upload
    if not ID.fullmatch(upload) or not (folder / OWNER).is_file():
        raise AccessError("data.upload_gone")
    if (folder / OWNER).read_text(encoding="utf-8") != person.id:
        raise AccessError("data.upload_gone")
    return folder
