"""Follow a run's events as they are written."""

from pathlib import Path
from typing import Any

from backend.jobs import events


class Tail:
    """Reads on from where it stopped; whole lines only, so a line still being written is returned by a later call."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0

    def new(self, most_bytes: int = -1) -> list[Any]:
        """The events written since the last call, oldest first.

        With `most_bytes` about so many bytes of them, at least one whole line: none means that there are no more.
        """
        if not self.path.exists():
            return []
        with self.path.open("rb") as file:
            file.seek(self.offset)
            raw = file.read(most_bytes)
            if most_bytes >= 0 and len(raw) == most_bytes and not raw.endswith(b"\n"):
                raw += file.readline()
        whole = raw[: raw.rfind(b"\n") + 1]
        self.offset += len(whole)
        return [events.parse(line.decode("utf-8", errors="replace")) for line in whole.split(b"\n")[:-1]]
