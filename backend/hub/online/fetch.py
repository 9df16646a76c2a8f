"""One file of the Hub: fetched into a folder, gone on with where it broke off, taken only when its hash is right.

huggingface_hub itself begins a file anew after every interruption (2.4: each try writes to a name of its own), which
for several gigabytes on a slow line may mean never. So its `http_get` is given a file that stays.
"""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from huggingface_hub import constants, hf_hub_url
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers

from backend.errors import ModelError
from backend.hub import credentials
from backend.hub.offer import HubFile
from backend.hub.online.refusals import told
from backend.models import weights
from backend.paths import sync_folder

PIECE = 2**20
STEP = 2**16
FLUSH_BYTES = 64 * 2**20
UNFINISHED = ".part"
LARGEST_FILE = 50_000_000_000
"""More than that is not sent over plain HTTP, says huggingface_hub."""


class Stopped(Exception):  # noqa: N818 - no error: somebody has asked for it
    """The person has asked to stop: what has arrived stays for later."""


@dataclass(frozen=True)
class Place:
    """Where to fetch from: `revision` is a commit. `endpoint` None: the public Hub; `repo_type` None: a model."""

    hub_id: str
    revision: str
    endpoint: str | None = None
    repo_type: str | None = None

    def url(self, path: str) -> str:
        return hf_hub_url(self.hub_id, path, repo_type=self.repo_type, revision=self.revision, endpoint=self.endpoint)


def fetch(place: Place, file: HubFile, into: Path, watch: Callable[[int], None]) -> None:
    """Have `file` in the folder `into`, whole, checked and on the disk; nothing is done when it is there already.

    `watch(bytes)` is told how much of this file has arrived so far and may raise `Stopped`. ModelError says what was
    wrong; OSError when the disk is full. Whatever arrived and may be used stays as `<name>.part`.
    """
    whole, part = into / file.path, into / (file.path + UNFINISHED)
    if whole.is_file() and whole.stat().st_size == file.size:
        watch(file.size)
        return
    if file.size > LARGEST_FILE:
        raise ModelError("hub.file_too_large", file=file.path)
    with part.open("r+b" if part.exists() else "w+b") as target:
        _fill(place, file, target, watch)
        target.flush()
        os.fsync(target.fileno())
    _require_right(part, file)
    part.replace(whole)
    sync_folder(into)
    watch(file.size)


def arrived(files: tuple[HubFile, ...], into: Path) -> int:
    """Bytes of these files that need not be fetched again."""
    sizes = 0
    for file in files:
        for path in (into / file.path, into / (file.path + UNFINISHED)):
            if path.is_file():
                sizes += min(path.stat().st_size, file.size)
                break
    return sizes


def _fill(place: Place, file: HubFile, target: BinaryIO, watch: Callable[[int], None]) -> None:
    start = target.seek(0, os.SEEK_END)
    if start > file.size:
        start = target.seek(0)
        target.truncate()
    # The library's own 10 MB are minutes of a slow line: nobody could stop it, and all of them would be lost.
    constants.DOWNLOAD_CHUNK_SIZE = STEP
    meter = _Meter(target, file, watch)
    watch(start)
    try:
        with told(place.hub_id, file.path):
            http_get(
                place.url(file.path),
                target,
                resume_size=start,
                headers=build_hf_headers(token=credentials.read()),
                expected_size=file.size,
                displayed_filename=file.path,
                tqdm_class=cast(Any, meter.bar),
            )
    except OSError as error:
        if error.errno is not None:
            raise
        # Fewer bytes than promised, or more.
        target.flush()
        raise _other_kind(Path(target.name)) or ModelError("hub.broken_off", file=file.path) from error


@dataclass
class _Meter:
    """Stands where the library wants a progress bar: it is told of every piece just before it is written."""

    target: BinaryIO
    file: HubFile
    watch: Callable[[int], None]
    flushed: int = 0

    def bar(self, **options: Any) -> "_Meter":
        return self

    def __enter__(self) -> "_Meter":
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing is open."""

    def update(self, count: int) -> None:
        """OSError when more comes than there should be: the rest would only fill the disk."""
        if count < 0:
            return
        done = self.target.tell()
        if done + count > self.file.size:
            raise OSError(f"{self.file.path} is longer than it should be")
        if done - self.flushed >= FLUSH_BYTES:
            self.target.flush()
            os.fsync(self.target.fileno())
            self.flushed = done
        self.watch(done)


def _require_right(part: Path, file: HubFile) -> None:
    """ModelError when the bytes are others than the Hub's; then they are thrown away, for no resume could mend them."""
    if part.stat().st_size == file.size and digest(part, file) == (file.sha256 or file.blob):
        return
    error = _other_kind(part) or ModelError("hub.wrong_hash", file=file.path)
    part.unlink(missing_ok=True)
    raise error


def digest(path: Path, file: HubFile) -> str:
    """SHA-256 as Git LFS states it, or for a small file git's own: SHA-1 over "blob <size>", a zero byte, the content.

    Format: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
    """
    found = hashlib.sha256() if file.sha256 else hashlib.sha1(f"blob {path.stat().st_size}\0".encode())
    with path.open("rb") as source:
        while piece := source.read(PIECE):
            found.update(piece)
    return found.hexdigest()


def _other_kind(part: Path) -> ModelError | None:
    """A page to log in, or a pointer to the file, that came in its place; it is thrown away."""
    with suppress(FileNotFoundError):
        head = part.read_bytes()[:512] if part.stat().st_size < PIECE else b""
        try:
            weights.refuse_other_kinds(head, part.stat().st_size)
        except ModelError as error:
            part.unlink()
            return error
    return None
