"""The pictures of a folder or an archive, found under whatever name or number a table gives them."""

import posixpath
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath

from backend.data.opening import kinds
from backend.data.opening.boxes.members import Member, shown
from backend.errors import DataError

LAST_NUMBER = re.compile(r"(\d{1,18})$")
SOME = 3


class Album:
    """A table may write a name in other letters (a.JPG, or with an accent put together otherwise), leave out its
    folder or its ending, or say a number with which it ends, as COCO and VQA do.
    """

    def __init__(self, pictures: Sequence[Member]) -> None:
        self.pictures = pictures
        self._known: dict[str, list[str]] = defaultdict(list)
        self._numbered: dict[int, list[str]] = defaultdict(list)
        for member in pictures:
            path = member.path
            for key in dict.fromkeys(_folded(name) for name in (str(path), path.name, path.stem)):
                self._known[key].append(member.name)
            if number := LAST_NUMBER.search(path.stem):
                self._numbered[int(number[1])].append(member.name)

    def named(self, wanted: str | int, table: Member, line: str) -> str:
        """The full name of the picture that this table means; DataError when there is none or more than one."""
        hits = self._numbers(wanted) if isinstance(wanted, int) else self._names(wanted, table.path.parent)
        if len(hits) == 1:
            return hits[0]
        name = shown(PurePosixPath(str(wanted).replace("\\", "/")).name)
        if hits:
            folders = ", ".join(str(PurePosixPath(hit).parent) for hit in hits[:SOME])
            raise DataError("opening.pictures_twice", name=name, folders=folders)
        raise DataError("opening.picture_missing", line=line, file=table.name, name=shown(str(wanted)))

    def _names(self, wanted: str, beside: PurePosixPath) -> list[str]:
        path = PurePosixPath(posixpath.normpath(wanted.replace("\\", "/").strip()))
        full = [posixpath.normpath(beside / path), str(path), path.name]
        for key in full if kinds.by_name(path.name) == "pictures" else [*full, path.stem]:
            hits = self._known.get(_folded(key), [])
            exact = [hit for hit in hits if hit == key]
            if hits:
                return exact or hits
        return []

    def _numbers(self, wanted: int) -> list[str]:
        return self._known.get(str(wanted), []) or self._numbered.get(wanted, [])


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
