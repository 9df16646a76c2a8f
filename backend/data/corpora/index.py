"""Where each document of a file of rows begins, so that any of them can be read without the others.

Made once, in one walk over the file, and kept in the workspace under the hash of the file: 16 bytes a document, mapped
into memory and not loaded. The walk also hashes the file, so what is indexed is what the data set says it is.
"""

import hashlib
import json
import os
import shutil
import tempfile
from array import array
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from backend.data import intact
from backend.data.corpora.order import key
from backend.data.datasets import Dataset
from backend.errors import DataError
from backend.paths import Workspace, write_atomically

STARTS, KEYS, RECORD = "starts.bin", "keys.bin", "index.json"
AT_ONCE = 1 << 20
"""Numbers that are held before they are written, or looked at together."""


@dataclass(frozen=True)
class Index:
    """`starts` (documents + 1,): bytes before each document; `keys` (documents,): 64 bits of the hash of each line."""

    folder: Path
    starts: np.ndarray
    keys: np.ndarray

    def __len__(self) -> int:
        return int(self.keys.shape[0])

    @cached_property
    def bytes(self) -> int:
        return int(self.starts[-1])

    def place(self, document: int) -> tuple[int, int]:
        """(first byte, bytes) of a document."""
        first = int(self.starts[document])
        return first, int(self.starts[document + 1]) - first

    def spread(self, most: int) -> list[int]:
        """At most so many documents, evenly over the file."""
        return list(range(0, len(self), -(-len(self) // most)))[:most] if len(self) else []

    def apart(self, most: int, seed: int) -> np.ndarray:
        """Numbers of the documents that are kept apart to measure on, in order: `most` different texts, drawn by the
        seed, with every document that says the same as one of them; never more than half of all.

        Looked for once, and kept beside the index.
        """
        kept = self.folder / f"apart-{seed}-{most}.npy"
        if not kept.exists():
            found = self._drawn(min(most, len(self) // 2), seed)
            draft = self.folder / f".{kept.stem}-{os.getpid()}.npy"
            np.save(draft, found)
            draft.replace(kept)
        return np.asarray(np.load(kept))

    def _drawn(self, most: int, seed: int) -> np.ndarray:
        nothing = np.zeros(0, np.int64)
        lowest = np.zeros(0, np.uint64)
        if most < 1:
            return nothing
        salt = np.uint64(key(seed, "apart"))
        for at in range(0, len(self), AT_ONCE):
            lowest = np.unique(np.concatenate([lowest, _mixed(self.keys[at : at + AT_ONCE], salt)]))[:most]
        parts = [
            at + np.nonzero(np.isin(_mixed(self.keys[at : at + AT_ONCE], salt), lowest))[0]
            for at in range(0, len(self), AT_ONCE)
        ]
        found = np.concatenate(parts).astype(np.int64)
        return found if len(found) <= len(self) // 2 else nothing


def _mixed(keys: np.ndarray, salt: np.uint64) -> np.ndarray:
    """As `order.stirred`, of many numbers; wraps around at 64 bits."""
    value = np.asarray(keys, np.uint64) + salt
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(value ^ (value >> np.uint64(31)))


def of(dataset: Dataset, workspace: Workspace) -> Index:
    """The index of a data set, made when there is none. DataError when its file is gone or is not what it was."""
    folder = workspace.indexes / dataset.sha256
    now = intact.state(dataset)
    if (folder / RECORD).is_file():
        record: dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        if record["state"] != now:
            intact.require(dataset)
            write_atomically(folder / RECORD, json.dumps(record | {"state": now}))
        return opened(folder)
    workspace.indexes.mkdir(exist_ok=True)
    making = Path(tempfile.mkdtemp(dir=workspace.indexes, prefix=".making-"))
    try:
        _walk(dataset, making)
        (making / RECORD).write_text(json.dumps({"state": now}), encoding="utf-8")
        with suppress(OSError):  # another process was faster, with the same result
            making.rename(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return opened(folder)


def opened(folder: Path) -> Index:
    """The index that lies in a folder."""
    starts, keys = (np.memmap(folder / name, np.uint64, "r") for name in (STARTS, KEYS))
    return Index(folder, starts, keys)


def _walk(dataset: Dataset, into: Path) -> None:
    whole, at = hashlib.sha256(), 0
    starts, keys = array("Q", [0]), array("Q")
    with dataset.path.open("rb") as file, (into / STARTS).open("wb") as begins, (into / KEYS).open("wb") as hashes:
        for line in file:
            whole.update(line)
            at += len(line)
            starts.append(at)
            keys.append(int.from_bytes(hashlib.blake2b(line, digest_size=8).digest()))
            if len(keys) >= AT_ONCE:
                _write(starts, begins)
                _write(keys, hashes)
        _write(starts, begins)
        _write(keys, hashes)
    if whole.hexdigest() != dataset.sha256:
        raise intact.changed(dataset)
    if at == 0:
        raise DataError("data.empty_file")


def _write(numbers: "array[int]", file: BinaryIO) -> None:
    numbers.tofile(file)
    del numbers[:]
