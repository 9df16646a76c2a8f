"""A folder that is there whole or not at all: made aside, sealed with the hash of every file, then renamed."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from backend.jobs.folder import sync_folder
from backend.training.checkpoints import MANIFEST, sync_file

BLOCK = 2**20


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """An empty folder beside the others of a run, gone afterwards: what is to stay is renamed out of it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def seal(folder: Path, **facts: Any) -> dict[str, Any]:
    """Flush every file and write MANIFEST.json with their sizes and SHA-256, and with `facts`; returns what it says."""
    found = {}
    for path in sorted(file for file in folder.iterdir() if file.is_file()):
        sync_file(path)
        found[path.name] = {"bytes": path.stat().st_size, "sha256": digest(path)}
    manifest = {**facts, "files": found}
    (folder / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False, indent=1), encoding="utf-8")
    sync_file(folder / MANIFEST)
    sync_folder(folder)
    return manifest


def place(folder: Path, final: Path) -> None:
    """Give a sealed folder its name; what an earlier attempt left there goes, out of sight before it is removed."""
    final.parent.mkdir(parents=True, exist_ok=True)
    if final.exists():
        final.rename(folder.with_name(f"{folder.name}-before"))
    folder.rename(final)
    sync_folder(final.parent)


def digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            found.update(block)
    return found.hexdigest()
