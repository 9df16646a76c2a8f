"""Opening a file that somebody brings, whatever it is."""

from collections.abc import Callable
from pathlib import Path

from backend.data.opening import kinds
from backend.data.opening.characters import detection
from backend.data.opening.characters.names import CHOICES, UTF_8
from backend.data.opening.documents import docx, pdf
from backend.data.opening.opened import Choices, Kind, Notice, Opened
from backend.data.opening.tables import columnar, workbook
from backend.data.opening.written import array, lines, table, texts
from backend.errors import AccessError, DataError

Reader = Callable[[Path, str, Choices], Opened]
WRITTEN: dict[Kind, Reader] = {
    "csv": table.opened,
    "json": lambda path, encoding, _: array.opened(path, encoding),
    "jsonl": lambda path, encoding, _: lines.opened(path, encoding),
    "text": lambda path, encoding, _: texts.opened(path, encoding),
    "markdown": lambda path, encoding, _: texts.markdown(path, encoding),
    "html": lambda path, encoding, _: texts.html(path, encoding),
}
BINARY: dict[Kind, Callable[[Path, Choices], Opened]] = {
    "workbook": workbook.opened,
    "parquet": lambda path, _: columnar.parquet(path),
    "arrow": lambda path, _: columnar.arrow(path),
    "pdf": lambda path, _: pdf.opened(path),
    "docx": lambda path, _: docx.opened(path),
}


def open_file(path: Path, choices: Choices | None = None) -> Opened:
    """How the file is read and its records. AccessError when there is none; DataError for one that cannot be read.

    Only the beginning of the file is read before the first record is asked for, and for its encoding what is needed.
    """
    choices = choices or Choices()
    if not path.is_file():
        raise AccessError("data.not_found")
    kind = kinds.of(path)
    if kind in BINARY:
        return _told(path, BINARY[kind](path, choices))
    return _told(path, WRITTEN[kind](path, _encoding(path, choices), choices))


def _encoding(path: Path, choices: Choices) -> str:
    if choices.encoding is not None:
        if choices.encoding not in CHOICES:
            raise DataError("opening.unknown_encoding", encoding=choices.encoding[:40], known=", ".join(CHOICES))
        return choices.encoding
    return UTF_8 if choices.strict else detection.of_file(path)


def _told(path: Path, found: Opened) -> Opened:
    """With the size of the file, and a notice where its name says something else than what it is."""
    known = found.understood
    named = kinds.by_name(path.name)
    notices = known.notices
    if named not in (None, known.kind):
        notices = (Notice(key=f"opening.is_{known.kind}", values={"suffix": path.suffix.lower()}), *notices)
    changed = known.model_copy(update={"notices": notices, "bytes": path.stat().st_size})
    return Opened(changed, found.read)
