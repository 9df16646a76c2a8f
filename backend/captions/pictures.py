"""The pictures of a folder or an archive."""

from pathlib import Path

from backend.data.opening import kinds
from backend.data.opening.boxes.members import Box
from backend.data.opening.files import boxed
from backend.errors import DataError


def inside(source: Path, scratch: Path | None = None) -> tuple[Box, list[str]]:
    """What is there, and the names of the pictures in it. AccessError when there is nothing at this place, DataError
    when it has no pictures or is an archive that cannot be read.
    """
    box = boxed(source, scratch)
    names = [member.name for member in box.members if kinds.by_name(member.name) == "pictures"]
    if not names:
        raise DataError("captions.no_pictures", name=source.name[:100])
    return box, names
