"""safetensors files read by their header alone: 8 bytes of length, JSON of names, types, shapes and offsets, then data.

Format: https://huggingface.co/docs/safetensors (version 0.8); the header may have at most 100 MB.
"""

import hashlib
import json
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from backend.errors import ModelError

LARGEST_HEADER = 100_000_000
WHOLE_UP_TO = 64 * 2**20
SAMPLE = 2**20
POINTER = b"version https://git-lfs.github.com/spec/"
BITS = {
    "F64": 64, "I64": 64, "U64": 64, "F32": 32, "I32": 32, "U32": 32, "F16": 16, "BF16": 16, "I16": 16, "U16": 16,
    "I8": 8, "U8": 8, "BOOL": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8,
}  # fmt: skip


@dataclass(frozen=True)
class Tensor:
    """`start` and `end` are bytes from the beginning of the file."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors"))


def require(folder: Path) -> None:
    """ModelError unless the folder has whole safetensors files."""
    found = files(folder)
    if not found:
        raise ModelError("models.no_safetensors")
    for path in found:
        header(path)


def fingerprint(folder: Path) -> str:
    """SHA-256 over a model's safetensors files: small ones whole, of large ones size and first, middle and last MiB."""
    found = hashlib.sha256()
    for path in files(folder):
        size = path.stat().st_size
        found.update(f"{path.name} {size}\n".encode())
        with path.open("rb") as file:
            if size <= WHOLE_UP_TO:
                found.update(file.read())
                continue
            for place in (0, size // 2, size - SAMPLE):
                file.seek(place)
                found.update(file.read(SAMPLE))
    return found.hexdigest()


def count(folder: Path) -> int:
    """Numbers in a model's files; ModelError as `header`. Those that were packed into fewer bytes count as bytes."""
    return sum(prod(tensor.shape) for path in files(folder) for tensor in header(path).values())


def header(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name; ModelError when the file is something else, or damaged."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(512)
        refuse_other_kinds(head, size)
        length = struct.unpack("<Q", head[:8])[0] if len(head) >= 8 else size
        if length > min(LARGEST_HEADER, size - 8):
            raise ModelError("models.damaged", file=path.name)
        file.seek(8)
        raw = file.read(length)
    try:
        entries = json.loads(raw)
        found = {name: _tensor(entry, 8 + length) for name, entry in entries.items() if name != "__metadata__"}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError("models.damaged", file=path.name) from error
    if any(tensor.end > size or not _whole(tensor) for tensor in found.values()):
        raise ModelError("models.damaged", file=path.name)
    return found


def _tensor(entry: dict[str, Any], data: int) -> Tensor:
    start, end = entry["data_offsets"]
    return Tensor(str(entry["dtype"]), tuple(int(n) for n in entry["shape"]), data + int(start), data + int(end))


def _whole(tensor: Tensor) -> bool:
    """The bytes are as many as type and shape say; types this version does not know are left to the loader."""
    expected = prod(tensor.shape) * BITS.get(tensor.dtype, 0) // 8
    return tensor.start <= tensor.end and (tensor.dtype not in BITS or tensor.end - tensor.start == expected)


def refuse_other_kinds(head: bytes, size: int) -> None:
    start = head.lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<head", b"<?xml")):
        raise ModelError("models.web_page")
    if head.startswith(POINTER):
        raise ModelError("models.lfs_pointer", bytes=size)
