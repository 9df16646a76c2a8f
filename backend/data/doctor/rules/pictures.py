"""Stored pictures that are gone or cannot be read, are larger than any model sees them, or stand in several rows."""

from collections.abc import Iterator
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from backend.data import rows
from backend.data.doctor.finding import Example, example
from backend.data.doctor.rules.rule import Rule
from backend.data.doctor.seen import Seen

HUGE = 25_000_000
"""Pixels. Models scale a picture down to one or two million; ten times as many only cost time in every pass."""


def named(seen: Seen) -> list[str]:
    return rows.pictures(seen.row)


class Unreadable(Rule):
    """The file is gone, is empty, or is no picture."""

    code, fix = "picture_unreadable", "drop_unreadable_pictures"
    severity = "error"
    safe = False

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._known: dict[str, bool] = {}

    def look(self, seen: Seen) -> Example | None:
        for name in named(seen):
            if name not in self._known:
                self._known[name] = _readable(self._folder / name)
            if not self._known[name]:
                return example(seen.place, name, 0, len(name))
        return None


class Huge(Rule):
    """So many pixels that reading them takes longer than learning from them."""

    code = "picture_huge"
    severity = "notice"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def look(self, seen: Seen) -> Example | None:
        for name in named(seen):
            width, height = _size(self._folder / name)
            if width * height > HUGE:
                return example(seen.place, f"{width} × {height}")
        return None


class Again(Rule):
    """One picture in several rows, each with a caption: the same bytes, since a stored picture is named by them."""

    code, fix = "picture_duplicate", "drop_duplicate_pictures"
    severity = "notice"

    def __init__(self) -> None:
        super().__init__()
        self._first: dict[str, str] = {}

    def look(self, seen: Seen) -> Example | None:
        if seen.shape != "caption":
            return None
        first = self._first.setdefault(seen.row["image"], seen.place)
        return None if first == seen.place else example(seen.place, seen.row["caption"], like=first)


def _readable(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            image.load()
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError):
        return False
    return True


def _size(path: Path) -> tuple[int, int]:
    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError):
        return 0, 0


def all_of(folder: Path) -> Iterator[Rule]:
    yield from (Unreadable(folder), Huge(folder), Again())
