"""The text of a Word document: one record for each part under a heading of the first two levels."""

import zipfile
import zlib
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from backend.data.opening.opened import Opened, Record, Understood
from backend.data.opening.written import inside
from backend.data.opening.written.texts import pieces
from backend.errors import DataError

MOST_UNPACKED = 256 << 20
# What python-docx meets in a damaged file, besides its own exceptions.
BROKEN = (OSError, EOFError, ValueError, LookupError, AttributeError, TypeError, RuntimeError, AssertionError)
HEADINGS = ("Title", "Heading 1", "Heading 2")


def opened(path: Path) -> Opened:
    """DataError for a document that is damaged, locked or far too big."""
    _refuse_big(path)
    found = _table(path)
    return found or Opened(Understood(kind="docx"), partial(_records, path))


def _table(path: Path) -> Opened | None:
    """The document as a table, where it is one; what is wrong with it is said when its text is read."""
    try:
        parts = list(_document(path).iter_inner_content())
        tables = [part for part in parts if hasattr(part, "rows")]
        if len(tables) != 1:
            return None
        rows = [[cell.text for cell in row.cells] for row in tables[0].rows]
        beside = sum(len(part.text.strip()) for part in parts if not hasattr(part, "rows"))
    except (DataError, *BROKEN):
        return None
    return inside.table(rows, beside, "docx")


def _refuse_big(path: Path) -> None:
    """The text is read as a whole; what is small on the disk only has been packed to do harm."""
    try:
        with zipfile.ZipFile(path) as archive:
            texts = [entry for entry in archive.infolist() if entry.filename.endswith((".xml", ".rels"))]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise DataError("opening.damaged_docx") from error
    size = sum(entry.file_size for entry in texts)
    if size > MOST_UNPACKED:
        raise DataError("opening.too_big_inside", size=f"{size >> 20} MB", most=f"{MOST_UNPACKED >> 20} MB")


def _document(path: Path) -> Any:
    library: Any = import_module("docx")
    opc: Any = import_module("docx.opc.exceptions")
    own: Any = import_module("docx.exceptions")
    xml: Any = import_module("lxml.etree")
    try:
        return library.Document(str(path))
    except (opc.OpcError, own.PythonDocxError, xml.LxmlError, zipfile.BadZipFile, zlib.error, *BROKEN) as error:
        raise DataError("opening.damaged_docx") from error


def _records(path: Path) -> Iterator[Record]:
    waiting: list[str] = []
    number, begun, found = 0, 1, False
    for number, (heading, text) in enumerate(_parts(path), start=1):
        if heading and any(waiting):
            for record in pieces(str(begun), "\n".join(waiting)):
                found = True
                yield record
            waiting, begun = [], number
        waiting.append(text)
    for record in pieces(str(begun), "\n".join(waiting)):
        found = True
        yield record
    if not found:
        raise DataError("opening.no_text")


def _parts(path: Path) -> Iterator[tuple[bool, str]]:
    """(is it a heading, text) of every paragraph and every row of a table, in the order of the document."""
    document = _document(path)
    try:
        for part in document.iter_inner_content():
            if hasattr(part, "rows"):
                yield from ((False, "\t".join(dict.fromkeys(cell.text for cell in row.cells))) for row in part.rows)
            else:
                yield _style(part) in HEADINGS, part.text
    except BROKEN as error:
        raise DataError("opening.damaged_docx") from error


def _style(paragraph: Any) -> str:
    style = paragraph.style
    return (style.name or "") if style is not None else ""
