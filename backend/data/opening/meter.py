"""How far the reading of a file is."""

import io
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import Buffer


@dataclass
class Meter:
    """`done` of `total`: bytes of a text or of the files in an archive, or rows and pictures of a folder of pictures;
    0 of 0 where nobody knows. Begins anew with each walk through the records.
    """

    done: int = 0
    total: int = 0

    def begin(self, total: int) -> None:
        self.done, self.total = 0, total


class Metered(io.RawIOBase):
    """The bytes of a file, counted as they are read."""

    def __init__(self, path: Path, meter: Meter) -> None:
        self._file = io.FileIO(path)
        self._meter = meter
        meter.begin(path.stat().st_size)

    def readable(self) -> bool:
        return True

    def readinto(self, target: Buffer) -> int:
        count = self._file.readinto(target) or 0
        self._meter.done += count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()
