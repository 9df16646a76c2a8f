"""What models saw of pictures, kept on the disk: a tower that is not trained need not look at a picture twice.

Each is a safetensors file, named by what it depends on: the bytes of the picture, how the processor is set, the model's
weights, and in which numbers it computed. What is read back is what was written, to the last bit, or it is not used.
"""

import hashlib
import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from backend.models import weights

Features = dict[str, Tensor]
MOST_BYTES = 10 * 2**30
# Room is made for more than the one that does not fit: looking for the oldest is a walk over all.
KEPT_SHARE = 0.9
SETTINGS = ("processor_config.json", "preprocessor_config.json")
log = logging.getLogger(__name__)


def fingerprint(model: Path, numbers: str) -> str:
    """Of all that decides what a model sees of a picture, but the picture; `numbers`: what products are computed in."""
    found = hashlib.sha256(f"{weights.fingerprint(model)} {numbers}".encode())
    for name in ("config.json", *SETTINGS):
        path = model / name
        found.update(path.read_bytes() if path.is_file() else b"-")
    return found.hexdigest()


@dataclass
class Kept:
    """The files of all models below `folder`, `most` bytes of them; those that were not wanted longest go first.

    `eyes` is the `fingerprint` of one model. `hits` and `misses` count what was asked of this object.
    """

    folder: Path
    eyes: str
    most: int = MOST_BYTES
    hits: int = 0
    misses: int = 0
    taken: int | None = field(default=None, repr=False)

    def features(self, picture: Path, look: Callable[[], Features]) -> Features:
        """What is seen of a picture: read back, or looked at now and kept."""
        place = self._place(picture)
        found = read(place)
        if found is not None:
            self.hits += 1
            os.utime(place)
            return found
        self.misses += 1
        seen = look()
        self._keep(place, seen)
        return seen

    def _place(self, picture: Path) -> Path:
        name = hashlib.sha256(self.eyes.encode() + hashlib.sha256(picture.read_bytes()).digest()).hexdigest()
        return self.folder / name[:2] / f"{name}.safetensors"

    def _keep(self, place: Path, seen: Features) -> None:
        """A disk that is full is no reason to end a run: then nothing is kept."""
        content = {name: value.detach().contiguous().cpu() for name, value in seen.items()}
        raw = save(content, metadata={"sha256": _digest(content)})
        try:
            self._make_room(len(raw))
            if len(raw) > self.most:
                return
            place.parent.mkdir(parents=True, exist_ok=True)
            draft = place.with_name(f".{place.name}.{os.getpid()}")
            draft.write_bytes(raw)
            draft.replace(place)
            self.taken = (self.taken or 0) + len(raw)
        except OSError as error:
            log.warning("what was seen of a picture is not kept: %s", error)

    def _make_room(self, wanted: int) -> None:
        if self.taken is None:
            self.taken = size(self.folder)
        if self.taken + wanted <= self.most:
            return
        files = [(path.stat().st_mtime_ns, path) for path in _files(self.folder)]
        for _, path in sorted(files):
            if self.taken + wanted <= KEPT_SHARE * self.most:
                return
            self.taken -= path.stat().st_size
            path.unlink(missing_ok=True)


def read(place: Path) -> Features | None:
    """None when there is no such file, or it is not whole."""
    try:
        with safe_open(place, "pt") as file:
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dict
            told = (file.metadata() or {}).get("sha256")
    except (OSError, SafetensorError):
        return None
    return found if told == _digest(found) else None


def size(folder: Path) -> int:
    """Bytes of all that is kept."""
    return sum(path.stat().st_size for path in _files(folder))


def _files(folder: Path) -> list[Path]:
    return list(folder.glob("*/*.safetensors"))


def _digest(content: Features) -> str:
    found = hashlib.sha256()
    for name in sorted(content):
        value = content[name]
        found.update(json.dumps([name, str(value.dtype), list(value.shape)]).encode())
        found.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()
