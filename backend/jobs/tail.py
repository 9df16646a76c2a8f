"""Follow a run's events as they are written."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from backend.jobs import events


class Tail:
    """Reads on from where it stopped; whole lines only, so a line still being written is returned by a later call."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0

    def new(self) -> list[Any]:
        """The events written since the last call, oldest first."""
        return [event for piece in self.pieces() for event in piece]

    def pieces(self, most_bytes: int = -1) -> Iterator[list[Any]]:
        """As `new`, with `most_bytes` in lists of about so many bytes.

        A line that is no event (a damaged disk, a newer version) is passed over: the others are still true.
        """
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self.offset)
            while raw := file.read(most_bytes):
                raw += b"" if raw.endswith(b"\n") else file.readline()
                whole = raw[: raw.rfind(b"\n") + 1]
                self.offset += len(whole)
                yield list(parsed(whole))


def parsed(whole: bytes) -> Iterator[Any]:
    for line in whole.split(b"\n")[:-1]:
        with suppress(ValueError):
            yield events.parse(line.decode("utf-8", errors="replace"))
