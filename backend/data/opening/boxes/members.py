"""The files of an archive or a folder, and what may not be among them.

Nothing is unpacked under a name that the archive gives: a member is read, or lies in a folder of ours under a number
while somebody looks at it.
"""

import errno
import re
import tempfile
from collections.abc import Callable, Container, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Protocol

from backend.data.opening import kinds
from backend.errors import DataError
from backend.jobs.upkeep.disk import in_words

MOST_MEMBERS = 100_000
MOST_TIMES = 200
HARMLESS = 10_000_000
"""Bytes that may come out of an archive of any size."""
MOST_BYTES = 50_000_000_000
SHOWN = 100
DRIVE = re.compile(r"[A-Za-z]:")
# The disk is full or the person's share of it: nothing that an archive is to blame for.
FULL = (errno.ENOSPC, errno.EDQUOT)
JUNK = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
Take = Callable[[str], bytes]


class Member(NamedTuple):
    name: str
    size: int

    @property
    def path(self) -> PurePosixPath:
        return PurePosixPath(self.name)


class Box(Protocol):
    """`members`: all that are worth a look. `walk`: those of these names, in the order of the archive, each with a file
    that is there until the next one is asked for. `pick`: while it is open, the bytes of any of these, in any order.
    """

    members: list[Member]

    def walk(self, names: Container[str]) -> Generator[tuple[Member, Path]]: ...

    def pick(self, names: Container[str]) -> AbstractContextManager[Take]: ...


@contextmanager
def unpacked(box: Box, names: Container[str], scratch: Path | None) -> Iterator[Take]:
    """`Box.pick` for what is read from end to end only: what stands before the one that is asked for is laid beside."""
    places: dict[str, Path] = {}
    with tempfile.TemporaryDirectory(dir=scratch) as folder, closing(box.walk(names)) as walk:

        def take(name: str) -> bytes:
            while name not in places:
                member, path = next(walk)
                places[member.name] = path.rename(Path(folder) / str(len(places)))
            return places[name].read_bytes()

        yield take


def require_safe(name: str) -> None:
    """DataError for a name that leads out of the folder it is unpacked into, on any system."""
    parts = re.split(r"[/\\]", name)
    if name.startswith(("/", "\\")) or ".." in parts or DRIVE.match(name) or any(letter < " " for letter in name):
        raise DataError("opening.unsafe_path", name=shown(name))


def require_few(count: int) -> None:
    if count > MOST_MEMBERS:
        raise DataError("opening.too_many_members", count=count, most=MOST_MEMBERS)


def require_modest(unpacked: int, packed: int) -> None:
    """DataError for an archive that was made to fill a disk."""
    most = min(MOST_BYTES, max(packed * MOST_TIMES, HARMLESS))
    if unpacked > most:
        times = unpacked // max(packed, 1)
        raise DataError("opening.bomb", size=in_words(unpacked), times=times, most=in_words(most))


def require_plain(members: Sequence[Member]) -> None:
    """DataError for an archive inside of the archive, or when there is nothing in it."""
    for member in members:
        if kinds.by_name(member.name) == "archive":
            raise DataError("opening.nested", name=shown(member.name))
    if not members:
        raise DataError("opening.empty_archive")


def is_junk(name: str) -> bool:
    """What systems put beside a person's files."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return not parts or any(part.startswith(".") or part.lower() in JUNK for part in parts)


def shown(name: str) -> str:
    """A name for a sentence: short, and without what moves the cursor."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)[:SHOWN]
