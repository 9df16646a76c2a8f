"""A TAR archive, packed or not: looked through from end to end before any member is read."""

import lzma
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Container, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from backend.data.opening import kinds
from backend.data.opening.boxes import members
from backend.data.opening.boxes.members import Member, Take
from backend.errors import DataError


class Tarred:
    def __init__(self, path: Path, scratch: Path | None) -> None:
        """DataError for an archive that is damaged, or was made to do harm; tarfile.ReadError when it is no TAR."""
        self.path, self.scratch = path, scratch
        packed, unpacked, count = path.stat().st_size, 0, 0
        self.members: list[Member] = []
        with _guarded(first=True), tarfile.open(path) as archive:
            for entry in archive:
                count, unpacked = count + 1, unpacked + max(entry.size, 0)
                members.require_few(count)
                # Before the next one is looked for: to get there, all of this one is unpacked.
                members.require_modest(unpacked, packed)
                _require_safe(entry)
                if entry.isfile() and not members.is_junk(entry.name):
                    self.members.append(Member(entry.name, entry.size))
                # The library keeps a list of all it has seen.
                vars(archive)["members"].clear()
        if not count and path.suffix.lower() not in (".tar", ".tgz") and kinds.by_name(path.stem) != "archive":
            # Zeros look like a TAR with nothing in it.
            raise tarfile.ReadError
        members.require_plain(self.members)

    def walk(self, names: Container[str]) -> Generator[tuple[Member, Path]]:
        number = 0
        with tempfile.TemporaryDirectory(dir=self.scratch) as folder, _guarded(), tarfile.open(self.path) as archive:
            for entry in archive:
                member = Member(entry.name, entry.size)
                source = archive.extractfile(entry) if entry.isfile() and entry.name in names else None
                if source is not None:
                    number += 1
                    copy = Path(folder) / f"{number}{member.path.suffix.lower()[:9]}"
                    with copy.open("wb") as target:
                        shutil.copyfileobj(source, target, 1 << 20)
                    yield member, copy
                    copy.unlink(missing_ok=True)
                vars(archive)["members"].clear()

    def pick(self, names: Container[str]) -> AbstractContextManager[Take]:
        return members.unpacked(self, names, self.scratch)


def _require_safe(entry: tarfile.TarInfo) -> None:
    members.require_safe(entry.name)
    if not (entry.isfile() or entry.isdir()) or entry.issparse():
        raise DataError("opening.unsafe_member", name=members.shown(entry.name))


@contextmanager
def _guarded(*, first: bool = False) -> Iterator[None]:
    try:
        yield
    except tarfile.ReadError as error:
        if (first and "not a" in str(error)) or "could not be opened" in str(error):
            raise
        raise DataError("opening.damaged_archive") from error
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
        raise DataError("opening.damaged_archive") from error
    except OSError as error:
        if error.errno in members.FULL:
            raise
        raise DataError("opening.damaged_archive") from error
