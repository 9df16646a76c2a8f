"""Opening a file that somebody brings, whatever it is."""

import tarfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from backend.data.opening import kinds
from backend.data.opening.boxes import bundle
from backend.data.opening.boxes.loose import Loose
from backend.data.opening.boxes.members import Box
from backend.data.opening.boxes.single import Single
from backend.data.opening.boxes.tarred import Tarred
from backend.data.opening.boxes.zipped import Zipped
from backend.data.opening.characters import detection
from backend.data.opening.characters.names import CHOICES, UTF_8
from backend.data.opening.documents import docx, pdf
from backend.data.opening.opened import Choices, Kind, Notice, Opened
from backend.data.opening.tables import columnar, workbook
from backend.data.opening.written import array, lines, table, texts
from backend.errors import AccessError, DataError

Reader = Callable[[Path, str, Choices], Opened]
LINES_WHOLE = 8 << 20
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


def open_file(path: Path, choices: Choices | None = None, scratch: Path | None = None) -> Opened:
    """How the file (or folder) is read and its records. AccessError when there is none; DataError for one that cannot
    be read.

    Only the beginning of the file is read before the first record is asked for, and for its encoding what is needed.
    `scratch`: the folder in which a member of an archive lies while its records are read; None: the system's.
    """
    choices = choices or Choices()
    if path.is_dir() and not path.is_symlink():
        return bundle.opened(Loose.of_folder(path), partial(_single, choices=choices))
    if not path.is_file():
        raise AccessError("data.not_found")
    kind = kinds.of(path)
    if kind == "archive":
        box = _box(path, scratch)
        return _told(path, bundle.opened(box, partial(_single, choices=choices)))
    if kind == "pictures":
        return _told(path, bundle.opened(Loose([(path.name, path)]), partial(_single, choices=choices)))
    return _single(path, choices)


def open_files(
    files: Sequence[tuple[str, Path]], choices: Choices | None = None, scratch: Path | None = None
) -> Opened:
    """The same for several files that somebody brings at once: (the name it had, where it is) of each."""
    if len(files) == 1:
        return open_file(files[0][1], choices, scratch)
    return bundle.opened(Loose(files), partial(_single, choices=choices or Choices()))


def boxed(path: Path, scratch: Path | None = None) -> Box:
    """The files of a folder or an archive, or one file as if it lay in a folder by itself; errors as `open_file`."""
    if path.is_dir() and not path.is_symlink():
        return Loose.of_folder(path)
    if not path.is_file():
        raise AccessError("data.not_found")
    return _box(path, scratch) if kinds.of(path) == "archive" else Loose([(path.name, path)])


def _single(path: Path, choices: Choices) -> Opened:
    kind = kinds.of(path)
    if kind in BINARY:
        return _told(path, BINARY[kind](path, choices))
    if kind not in WRITTEN:
        raise DataError("opening.nested" if kind == "archive" else "opening.unknown_kind", name=path.name)
    found = WRITTEN[kind](path, _encoding(path, kind, choices), choices)
    return _told(path, _converted(found) if kind in ("json", "jsonl") and choices.encoding is None else found)


def _converted(found: Opened) -> Opened:
    """JSON has to be UTF-8: where it is not, that is said."""
    known = found.understood
    if known.encoding == UTF_8:
        return found
    key = "opening.was_utf_16" if known.encoding.startswith("utf-16") else "opening.was_not_utf_8"
    notice = Notice(key=key, values={"encoding": known.encoding})
    return replace(found, understood=known.model_copy(update={"notices": (*known.notices, notice)}))


def _box(path: Path, scratch: Path | None) -> Box:
    with path.open("rb") as file:
        if file.read(4) in kinds.ZIP:
            return Zipped(path, scratch)
    try:
        return Tarred(path, scratch)
    except tarfile.ReadError:
        return Single(path, scratch)


def _encoding(path: Path, kind: Kind, choices: Choices) -> str:
    if choices.encoding is not None:
        if choices.encoding not in CHOICES:
            raise DataError("opening.unknown_encoding", encoding=choices.encoding[:40], known=", ".join(CHOICES))
        return choices.encoding
    # A line of JSON that is not UTF-8 is told when it is read; a table would show strange letters.
    whole = LINES_WHOLE if kind == "jsonl" else detection.WHOLE_BYTES
    return UTF_8 if choices.strict else detection.of_file(path, whole)


def _told(path: Path, found: Opened) -> Opened:
    """With the size of the file, and a notice where its name says something else than what it is."""
    known = found.understood
    named = kinds.by_name(path.name)
    notices = known.notices
    # An archive of pictures is one, and is read as pictures.
    if named not in (None, known.kind) and (named, known.kind) != ("archive", "pictures"):
        notices = (Notice(key=f"opening.is_{known.kind}", values={"suffix": path.suffix.lower()}), *notices)
    changed = known.model_copy(update={"notices": notices, "bytes": path.stat().st_size})
    return replace(found, understood=changed)
