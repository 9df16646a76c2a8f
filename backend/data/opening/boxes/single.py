"""One file that was packed by itself: gzip, bzip2 or xz."""

import bz2
import gzip
import lzma
import tempfile
import zlib
from collections.abc import Callable, Container, Generator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from backend.data.opening.boxes import members
from backend.data.opening.boxes.members import Member, Take
from backend.errors import DataError

OPENERS: dict[bytes, Callable[[Path], Any]] = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}
PART = 1 << 20


class Single:
    def __init__(self, path: Path, scratch: Path | None) -> None:
        """How large it is inside nobody knows before it is unpacked."""
        self.path, self.scratch = path, scratch
        with path.open("rb") as file:
            opener = OPENERS.get(file.read(2))
        if opener is None:
            raise DataError("opening.damaged_archive")
        self.opener = opener
        self.members = [Member(path.stem or "file", 0)]
        members.require_plain(self.members)

    def walk(self, names: Container[str]) -> Generator[tuple[Member, Path]]:
        packed, unpacked = self.path.stat().st_size, 0
        with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
            copy = Path(folder) / f"1{self.members[0].path.suffix.lower()[:9]}"
            try:
                with self.opener(self.path) as source, copy.open("wb") as target:
                    while part := source.read(PART):
                        unpacked += len(part)
                        members.require_modest(unpacked, packed)
                        target.write(part)
            except (EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
                raise DataError("opening.damaged_archive") from error
            except OSError as error:
                # What gzip and bzip2 raise for a damaged file; a disk that is full is another matter.
                if error.errno in members.FULL:
                    raise
                raise DataError("opening.damaged_archive") from error
            if self.members[0].name in names:
                yield self.members[0], copy

    def pick(self, names: Container[str]) -> AbstractContextManager[Take]:
        return members.unpacked(self, names, self.scratch)
