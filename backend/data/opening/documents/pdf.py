"""The text of a PDF, page by page."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from backend.data.opening.opened import Opened, Record, Understood
from backend.data.opening.written.texts import pieces
from backend.errors import DataError

# What its parser meets in a damaged file, besides its own exceptions.
BROKEN = (
    OSError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RecursionError,
    NotImplementedError,
    struct.error,
    zlib.error,
)


def opened(path: Path) -> Opened:
    """DataError for one that is damaged or protected by a password."""
    with _guarded("opening.damaged_pdf"):
        _reader(path)
    return Opened(Understood(kind="pdf"), partial(_records, path))


def _reader(path: Path) -> Any:
    library: Any = import_module("pypdf")
    reader = library.PdfReader(path, strict=False)
    if reader.is_encrypted and not reader.decrypt(""):
        raise DataError("opening.locked_pdf")
    len(reader.pages)
    return reader


@contextmanager
def _guarded(key: str, **values: object) -> Iterator[None]:
    errors: Any = import_module("pypdf.errors")
    try:
        yield
    except (errors.PyPdfError, errors.DependencyError, *BROKEN) as error:
        raise DataError(key, **values) from error


def _records(path: Path) -> Iterator[Record]:
    with _guarded("opening.damaged_pdf"):
        reader = _reader(path)
        count = len(reader.pages)
    read = 0
    for number in range(1, count + 1):
        try:
            with _guarded("opening.damaged_page", page=number):
                text = reader.pages[number - 1].extract_text()
        except DataError as error:
            read += 1
            yield Record(str(number), {}, error)
            continue
        for record in pieces(str(number), _clean(text), page=number):
            read += 1
            yield record
    if not read:
        raise DataError("opening.no_text_in_pdf")


def _clean(text: str) -> str:
    """Half letters, which some files have in their tables of letters, cannot be written."""
    return text.encode("utf-8", errors="ignore").decode("utf-8")
