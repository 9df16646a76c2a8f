"""The pictures of a data set in its folder: each once, named by its content, with a small one beside it."""

import base64
import binascii
import hashlib
import io
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

from PIL import Image

from backend.data.opening.opened import Notice, Picture
from backend.data.pictures.decoding import Decoded, decoded, shown
from backend.errors import DataError

FOLDER, SMALL = "pictures", "small"
SMALL_EDGE = 256
JPEG_QUALITY, SMALL_QUALITY = 95, 80
MOST_BYTES = 200_000_000
INLINE = "data:image/"


def small(folder: Path, name: str) -> Path:
    """The small picture of a stored one (`pictures/<sha256>.<ending>`), for a preview."""
    return folder / FOLDER / SMALL / f"{Path(name).stem}.jpg"


class Keeper:
    """Stores pictures below `folder`; None: they are only looked at, as they would be for storing them."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder / FOLDER if folder else None
        self._known: dict[bytes, str] = {}
        self._noted: dict[str, list[str]] = defaultdict(list)

    def keep(self, reference: Any, place: str) -> str:
        """The stored name of a picture; DataError when there is none or it cannot be used."""
        name, data = read(reference, place)
        digest = hashlib.sha256(data).digest()
        if digest not in self._known:
            found = decoded(data, name or place)
            self._known[digest] = self._stored(found, digest)
            for note in found.notes:
                self._noted[note].append(shown(name) or place)
        return self._known[digest]

    def notices(self) -> tuple[Notice, ...]:
        """What was done to which pictures: how many, and the first of them."""
        return tuple(
            Notice(key=f"pictures.note.{note}", values={"count": len(names), "name": names[0]})
            for note, names in sorted(self._noted.items())
        )

    def _stored(self, found: Decoded, digest: bytes) -> str:
        if self._folder is None:
            # Other pictures are other rows, though none is kept.
            return f"{FOLDER}/{digest.hex()}"
        ending, raw = ("png", _png(found.image)) if found.lossless else ("jpg", _jpeg(found.image, JPEG_QUALITY))
        name = f"{hashlib.sha256(raw).hexdigest()}.{ending}"
        path = self._folder / name
        if not path.exists():
            (self._folder / SMALL).mkdir(parents=True, exist_ok=True)
            _write(self._folder / SMALL / f"{path.stem}.jpg", thumbnail(found.image))
            _write(path, raw)
        return f"{FOLDER}/{name}"


def read(reference: Any, place: str) -> tuple[str, bytes]:
    """(name or "", bytes) of a picture as a file refers to it; DataError as `Keeper.keep`."""
    name, data = _read(reference, place)
    if len(data) > MOST_BYTES:
        raise DataError("pictures.too_heavy", name=shown(name) or place, most=MOST_BYTES // 1_000_000)
    return name, data


def _read(reference: Any, place: str) -> tuple[str, bytes]:
    if isinstance(reference, Picture):
        return reference.name, reference.read()
    if isinstance(reference, bytes):
        return "", reference
    if isinstance(reference, dict):
        if isinstance(reference.get("bytes"), bytes):
            return str(reference.get("path") or ""), reference["bytes"]
        reference = reference.get("path") or reference.get("url") or ""
    if not isinstance(reference, str) or not reference.strip():
        raise DataError("pictures.none", line=place)
    if reference.startswith(INLINE):
        return "", _decoded(reference, place)
    raise DataError(
        "pictures.address" if "://" in reference else "pictures.not_there", line=place, name=shown(reference)
    )


def _decoded(inline: str, place: str) -> bytes:
    try:
        return base64.b64decode(inline.partition(",")[2], validate=True)
    except binascii.Error as error:
        raise DataError("pictures.damaged", name=place) from error


def _write(path: Path, raw: bytes) -> None:
    """Whole or not at all: its name promises what is in it."""
    draft = path.with_suffix(".part")
    with draft.open("wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def thumbnail(image: Image.Image) -> bytes:
    """A JPEG with at most 256 pixels on its longer edge."""
    copy = image.copy()
    copy.thumbnail((SMALL_EDGE, SMALL_EDGE))
    return _jpeg(copy, SMALL_QUALITY)


def _png(image: Image.Image) -> bytes:
    raw = io.BytesIO()
    image.save(raw, "PNG")
    return raw.getvalue()


def _jpeg(image: Image.Image, quality: int) -> bytes:
    raw = io.BytesIO()
    image.save(raw, "JPEG", quality=quality)
    return raw.getvalue()
