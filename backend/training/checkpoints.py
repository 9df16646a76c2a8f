"""Checkpoints that are whole or not there.

A checkpoint is written into a staging folder and flushed, then MANIFEST.json with the SHA-256 of every file, then one
rename makes it visible. A kill at any moment leaves the one before. Before a checkpoint is used every hash is compared:
one flipped bit would otherwise train on silently with other weights.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from backend.errors import JobError
from backend.jobs.folder import sync_folder

MANIFEST = "MANIFEST.json"
STAGING, REMOVED = ".staging", ".removed"
CHANCE = "rng_state_"
BLOCK = 2**20


@dataclass(frozen=True)
class Identity:
    """What a checkpoint belongs to: by part ("recipe", "data", "model") what decides it; and versions of libraries.

    A run goes on only with the same parts.
    """

    parts: dict[str, dict[str, str]]
    versions: dict[str, str]


@dataclass(frozen=True)
class Checkpoint:
    """`ranks`: how many processes made it."""

    path: Path
    step: int
    versions: dict[str, str]
    ranks: int = 1


@dataclass(frozen=True)
class Damaged:
    """A checkpoint that failed its check and was put aside, and which of its files is not what was written."""

    step: int
    file: str


@dataclass(frozen=True)
class Checkpoints:
    folder: Path
    identity: Identity
    keep: int

    def save(self, step: int, write: Callable[[Path], None]) -> Path:
        """Let `write` fill a folder, and make it checkpoint `step`; OSError when the disk refuses.

        Older ones are removed afterwards, so the newest verified checkpoint is there at every moment.
        """
        staging = self.folder / STAGING
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        write(staging)
        manifest = {
            "step": step,
            "files": {path.name: _fingerprint(path) for path in _files(staging)},
            "parts": self.identity.parts,
            "versions": self.identity.versions,
        }
        (staging / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        sync_file(staging / MANIFEST)
        sync_folder(staging)
        final = self.folder / f"checkpoint-{step}"
        self._remove(final)
        staging.rename(final)
        sync_folder(self.folder)
        for old in self._steps()[self.keep :]:
            self._remove(self._path(old))
        return final

    def forget(self, step: int) -> None:
        """Remove every checkpoint of a later step."""
        for later in self._steps():
            if later > step:
                self._remove(self._path(later))

    def newest(self) -> tuple[Checkpoint | None, list[Damaged]]:
        """The newest checkpoint that is what was written, and those that were not: they are renamed and kept.

        JobError when it belongs to another recipe, data set or model.
        """
        damaged: list[Damaged] = []
        for step in self._steps():
            path = self._path(step)
            wrong = flaw(path)
            if wrong is None:
                manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
                self._require_same(manifest["parts"], step)
                return Checkpoint(path, step, manifest["versions"], _ranks(manifest["files"])), damaged
            path.rename(_unused(self.folder / f"damaged-{step}"))
            damaged.append(Damaged(step, wrong))
        return None, damaged

    def _remove(self, path: Path) -> None:
        """Renamed first, so that a kill in the middle leaves no checkpoint with half of its files."""
        gone = self.folder / REMOVED
        shutil.rmtree(gone, ignore_errors=True)
        if path.exists():
            path.rename(gone)
            shutil.rmtree(gone)

    def _require_same(self, parts: dict[str, dict[str, str]], step: int) -> None:
        for name, values in self.identity.parts.items():
            before = parts.get(name, {})
            # A setting that is newer than the checkpoint did nothing then and, left at its default, does nothing now.
            known = before if name == "recipe" else values | before
            changed = [key for key in sorted(known) if values.get(key) != before.get(key)]
            if changed:
                raise JobError(f"training.other_{name}", step=step, changed=", ".join(changed))

    def _steps(self) -> list[int]:
        """Steps of the checkpoints there are, newest first."""
        names = [path.name.removeprefix("checkpoint-") for path in self.folder.glob("checkpoint-*")]
        return sorted((int(name) for name in names if name.isdigit()), reverse=True)

    def _path(self, step: int) -> Path:
        return self.folder / f"checkpoint-{step}"


def flaw(path: Path) -> str | None:
    """The first file of a checkpoint that is missing, too many or not what was written; None when all is well."""
    try:
        listed: dict[str, dict[str, object]] = json.loads((path / MANIFEST).read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError):
        return MANIFEST
    present = {file.name for file in _files(path)} - {MANIFEST}
    for name in sorted(present ^ set(listed)):
        return name
    return next((name for name, wanted in listed.items() if _digest(path / name) != wanted["sha256"]), None)


def _ranks(files: Iterable[str]) -> int:
    """Each process of several keeps where its random numbers are."""
    return max(1, sum(name.startswith(CHANCE) for name in files))


def sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fingerprint(path: Path) -> dict[str, object]:
    """Flushed to the disk and read back, so what the manifest says was seen in the file itself."""
    sync_file(path)
    return {"bytes": path.stat().st_size, "sha256": _digest(path)}


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            found.update(block)
    return found.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.iterdir()) if path.is_file())


def _unused(path: Path) -> Path:
    """`path`, or the first of path-2, path-3 ... that does not exist."""
    candidate, number = path, 1
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.name}-{number}")
    return candidate
