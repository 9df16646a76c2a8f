"""A large file of chats, read by two processes: the second one takes some parts of it, the first one the others.

Most files of chats hold nothing but chats in their stored form. The second process says so of each block of its parts,
and gives it as it is to be stored; a block in which anything else stands is read by the first one. What comes of a file
is the same either way.
"""

import gc
import os
import signal
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from backend.data.files import blocks
from backend.data.files.blocks import Block, Chats
from backend.data.files.jsonl import MAX_LINE

LEAST = 8 << 20
"""Bytes of a file for which a second process is worth its start."""
PART = 1 << 18
TURN, ITS = 8, (1, 2, 4, 6, 7)
"""Of so many parts one after another, those that the second process reads: the first one has to write them all."""
HEAD = struct.Struct("<QQQ")
"""Before each block: bytes of the file up to its end, its lines, and their bytes as chats; 0: they are none."""
PIPE = 1 << 20


@dataclass
class Other:
    """The second process, as the first one hears it."""

    said: BinaryIO
    ended: bool = False

    def blocks(self, file: BinaryIO, first: int, at: int, stop: int) -> Iterator[Block | Chats]:
        """Those of its part from `at` to `stop`; ends early when there will be no more."""
        while at < stop:
            head = self.said.read(HEAD.size)
            if len(head) < HEAD.size:
                self.ended = True
                return
            end, count, size = HEAD.unpack(head)
            if size:
                yield Chats(first, self.said.read(size), count, end)
            else:
                yield from blocks.of(file, first, at, end)
            at, first = end, first + count


@contextmanager
def of(path: Path) -> Iterator[Iterator[Block | Chats]]:
    """The blocks of the file, in their order. This process reads all of a small file, on a machine with one core, and
    where processes cannot be forked.
    """
    with path.open("rb") as file:
        if not sys.platform.startswith("linux") or _size(file) < LEAST or len(os.sched_getaffinity(0)) < 2:
            yield blocks.of(file)
            return
        hearing, telling = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(hearing)
            _read(path, telling)
        os.close(telling)
        try:
            with os.fdopen(hearing, "rb", buffering=2 * blocks.SIZE) as said:
                yield _in_turns(file, Other(said))
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _in_turns(file: BinaryIO, other: Other) -> Iterator[Block | Chats]:
    size, at, first, part = _size(file), 0, 1, 0
    while at < size:
        stop = min(size, (part + 1) * PART)
        while at < stop:
            its = part % TURN in ITS and not other.ended
            for block in other.blocks(file, first, at, stop) if its else blocks.of(file, first, at, stop):
                yield block
                at, first = block.end, block.first + block.total
        part += 1


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _read(path: Path, telling: int) -> None:
    """In the second process, which ends here. Nothing is cleaned up: that belongs to the first one. When that one has
    ended, nobody listens, and so does this one.
    """
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        gc.disable()
        _hold_more(telling)
        with path.open("rb") as file, os.fdopen(telling, "wb", buffering=0) as out:
            for part in range(-(-_size(file) // PART)):
                if part % TURN in ITS:
                    _tell(file, part, out)
    finally:
        os._exit(0)


def _tell(file: BinaryIO, part: int, out: BinaryIO) -> None:
    for block in blocks.of(file, start=_line_from(file, part * PART), stop=(part + 1) * PART):
        found = blocks.stored(block) or b""
        for said in (HEAD.pack(block.end, block.total, len(found)), found):
            left = memoryview(said)
            while left:
                left = left[out.write(left) :]


def _line_from(file: BinaryIO, place: int) -> int:
    """Where the first line begins that does so at this byte or behind it; EOFError when the one before is too long."""
    file.seek(place - 1)
    skipped = file.readline(MAX_LINE)
    if len(skipped) == MAX_LINE and not skipped.endswith(b"\n"):
        raise EOFError
    return file.tell()


def _hold_more(pipe: int) -> None:
    """So that neither process waits for the other; as much as the system allows."""
    import fcntl  # noqa: PLC0415 - a module that Windows does not have

    try:
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE)
    except OSError:
        return
