"""Pictures as they are stored in a data set: opened again, and their sizes without opening them whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from backend.errors import DataError

Size = tuple[int, int]
"""Width and height in pixels."""


def opened(path: Path) -> Image.Image:
    """The whole picture; DataError when it is gone or damaged since it was stored."""
    with _read(path) as found:
        return found.convert("RGB")


def size_of(path: Path) -> Size:
    """From its first bytes; DataError as `opened`."""
    with _read(path) as found:
        return found.size


@contextmanager
def _read(path: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(path) as found:
            yield found
    except FileNotFoundError as error:
        raise DataError("sight.gone", name=path.name) from error
    except (OSError, ValueError, SyntaxError) as error:
        raise DataError("sight.damaged", name=path.name) from error
