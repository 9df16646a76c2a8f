"""A ZIP archive: its list of contents is looked at as a whole before anything is read."""

import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Container, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from backend.data.opening.boxes import members
from backend.data.opening.boxes.members import Member, Take
from backend.errors import DataError

ENCRYPTED = 0x1


class Zipped:
    def __init__(self, path: Path, scratch: Path | None) -> None:
        """DataError for an archive that is damaged, locked, or was made to do harm."""
        self.path, self.scratch = path, scratch
        with _guarded(), zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            members.require_few(len(entries))
            for entry in entries:
                _require_safe(entry)
            members.require_modest(sum(entry.file_size for entry in entries), path.stat().st_size)
            found = [Member(entry.filename, entry.file_size) for entry in entries if not entry.is_dir()]
        self.members = [member for member in found if not members.is_junk(member.name)]
        members.require_plain(self.members)

    def walk(self, names: Container[str]) -> Generator[tuple[Member, Path]]:
        with tempfile.TemporaryDirectory(dir=self.scratch) as folder, zipfile.ZipFile(self.path) as archive:
            for number, member in enumerate(self.members):
                if member.name in names:
                    copy = Path(folder) / f"{number}{_suffix(member)}"
                    with _guarded(), archive.open(member.name) as source, copy.open("wb") as target:
                        shutil.copyfileobj(source, target, 1 << 20)
                    yield member, copy
                    copy.unlink()

    @contextmanager
    def pick(self, names: Container[str]) -> Iterator[Take]:
        with zipfile.ZipFile(self.path) as archive:

            def take(name: str) -> bytes:
                with _guarded():
                    return archive.read(name)

            yield take


def _suffix(member: Member) -> str:
    """Of the name, only what says of which kind the file is."""
    suffix = member.path.suffix.lower()
    return suffix if suffix[1:].isalnum() and suffix.isascii() and len(suffix) < 10 else ""


def _require_safe(entry: zipfile.ZipInfo) -> None:
    # The name as it stands in the archive: the library has replaced what does not suit this system.
    members.require_safe(entry.orig_filename)
    if entry.flag_bits & ENCRYPTED:
        raise DataError("opening.encrypted")
    mode = entry.external_attr >> 16
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise DataError("opening.unsafe_member", name=members.shown(entry.filename))


@contextmanager
def _guarded() -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, KeyError) as error:
        raise DataError("opening.damaged_archive") from error
    except OSError as error:
        # A place in its list of contents that lies before the beginning of the file.
        if error.errno in members.FULL:
            raise
        raise DataError("opening.damaged_archive") from error
