"""The rest of a large file of chats, read by a second process while the first one reads the beginning.

Most files of chats hold nothing but chats in their stored form. The second process says so of its part, and writes it
as it is to be stored; where anything else stands in it, it gives up, and the first one reads on alone. What comes of a
file is the same either way.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from backend.data.files import blocks

LEAST = 8 << 20
"""Bytes of a file for which a second process is worth its start."""
FIRST_SHARE = 0.46
"""Of the file, for the first process: it does what is left of the other's work."""
LOOK_SECONDS = 0.01
PART = 1 << 20
NUMBER = 8


@dataclass
class Rest:
    """`start`: the byte of the file at which it begins."""

    start: int
    child: int
    said: int
    out: BinaryIO
    ended: bool = False

    def rows(self, look: Callable[[], None]) -> int:
        """How many rows are in `parts()`, once the other process has them; 0 when it gave up. Meanwhile `look` is
        called now and then.
        """
        while not self.ended:
            look()
            pid, _ = os.waitpid(self.child, os.WNOHANG)
            self.ended = pid != 0
            if not self.ended:
                time.sleep(LOOK_SECONDS)
        return int.from_bytes(os.read(self.said, NUMBER), "big")

    def parts(self) -> Iterator[bytes]:
        self.out.seek(0)
        while part := self.out.read(PART):
            yield part


@contextmanager
def rest_of(path: Path, scratch: Path) -> Iterator[Rest | None]:
    """None for a file that is small, on a machine with one core, and where processes cannot be forked."""
    start = _start(path)
    if start is None:
        yield None
        return
    hearing, telling = os.pipe()
    with (scratch / "rest").open("w+b", buffering=0) as out:
        child = os.fork()
        if child == 0:
            _read(path, start, out, telling)
        os.close(telling)
        rest = Rest(start, child, hearing, out)
        try:
            yield rest
        finally:
            if not rest.ended:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
            os.close(hearing)


def _start(path: Path) -> int | None:
    """Where a line begins, in the middle of the file."""
    size = path.stat().st_size
    if not sys.platform.startswith("linux") or size < LEAST or len(os.sched_getaffinity(0)) < 2:
        return None
    with path.open("rb") as file:
        file.seek(int(size * FIRST_SHARE))
        skipped = file.readline(LEAST)
        return file.tell() if skipped.endswith(b"\n") and file.tell() < size else None


def _read(path: Path, start: int, out: BinaryIO, telling: int) -> None:
    """In the second process, which ends here. Nothing is cleaned up: that belongs to the first one."""
    first, count = os.getppid(), 0
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with path.open("rb") as file:
            file.seek(start)
            for block in blocks.of(file):
                found = blocks.stored(block.raw)
                if found is None or os.getppid() != first:
                    os._exit(1)
                out.write(found[0])
                count += found[1]
        os.write(telling, count.to_bytes(NUMBER, "big"))
    finally:
        os._exit(0)
