"""A file in any encoding as a stream of bytes in UTF-8: a part of it in memory, never the whole."""

import codecs
import io
from pathlib import Path
from typing import BinaryIO, cast

from typing_extensions import Buffer

from backend.data.opening.characters.names import UTF_8, UTF_16
from backend.data.opening.meter import Meter, Metered

PART = 1 << 18
MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Recoder(io.RawIOBase):
    """Bytes that mean nothing in their encoding become the replacement character."""

    def __init__(self, source: BinaryIO, encoding: str) -> None:
        self.source = source
        self.decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        self.waiting = b""

    def readable(self) -> bool:
        return True

    def readinto(self, target: Buffer) -> int:
        view = memoryview(target)
        while not self.waiting:
            raw = self.source.read(PART)
            # A lone half of a pair of UTF-16 is no letter and cannot be written.
            text = self.decoder.decode(raw, final=not raw)
            self.waiting = text.encode(UTF_8, errors="replace")
            if not raw:
                break
        taken = min(len(view), len(self.waiting))
        view[:taken] = self.waiting[:taken]
        self.waiting = self.waiting[taken:]
        return taken

    def close(self) -> None:
        self.source.close()
        super().close()


def utf_8(path: Path, encoding: str, meter: Meter | None = None) -> BinaryIO:
    """The file as UTF-8; one that is UTF-8 as it is, faults and mark included."""
    file: BinaryIO = cast(BinaryIO, io.BufferedReader(Metered(path, meter), PART)) if meter else path.open("rb")
    if encoding == UTF_8:
        return file
    if encoding == UTF_16 and not _is_marked(path):
        # As Windows writes it.
        encoding = "utf-16-le"
    return cast(BinaryIO, io.BufferedReader(Recoder(file, encoding), PART))


def _is_marked(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) in MARKS
