"""The rows of one sheet of a workbook: Excel's of all ages, and OpenDocument's."""

import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import partial
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

from backend.data.opening.kinds import ZIP
from backend.data.opening.opened import Choices, Notice, Opened, Record, Understood, Values
from backend.data.opening.written import table_shape
from backend.data.opening.written.physical import MOST_FIELD
from backend.data.opening.written.table import named
from backend.errors import DataError

SEEN = 20
MOST_UNPACKED = 1 << 30
MOST_CELLS = 50_000_000
"""The reader holds a sheet from its first to its last cell, the empty ones too."""
CELL = re.compile(rb'<(?:\w+:)?c [^>]*?r="([A-Z]{1,3})(\d{1,7})"')
PART, OVERLAP = 1 << 20, 256


def opened(path: Path, choices: Choices) -> Opened:
    """DataError for a workbook that is damaged, locked, too big or empty, or has no such sheet."""
    _refuse_big(path)
    book = _book(path)
    sheets = tuple(book.sheet_names)
    sheet = _chosen(book, sheets, choices.sheet)
    first = [[_written(cell) for cell in row] for _, row in islice(_rows(path, sheet), SEEN)]
    header = bool(first) and (table_shape.has_header(first) if choices.header is None else choices.header)
    columns = (
        named(first[0]) if header else tuple(f"column_{at}" for at in range(1, max(map(len, first), default=0) + 1))
    )
    notices = [Notice(key="opening.no_header")] if first and not header and choices.header is None else []
    if len(sheets) > 1 and choices.sheet is None:
        notices.append(Notice(key="opening.several_sheets", values={"count": len(sheets), "sheet": sheet}))
    understood = Understood(
        kind="workbook", header=header, sheet=sheet, sheets=sheets, columns=columns, notices=tuple(notices)
    )
    return Opened(understood, partial(_records, path, understood))


class Guarded:
    """What the library says of a workbook that it cannot read; where it is lost itself it panics, and that is no
    Exception of Python's.
    """

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        library: Any = import_module("python_calamine")
        known = (library.CalamineError, OSError, ValueError)
        if kind is not None and (issubclass(kind, known) or kind.__name__ == "PanicException"):
            raise DataError("opening.damaged_workbook") from error


def _book(path: Path) -> Any:
    library: Any = import_module("python_calamine")
    with Guarded():
        return library.CalamineWorkbook.from_path(str(path))


def _chosen(book: Any, sheets: tuple[str, ...], wanted: str | None) -> str:
    """The sheet that was asked for, else the first one with something in it."""
    if wanted is not None:
        if wanted not in sheets:
            raise DataError("opening.no_sheet", sheet=wanted[:100], sheets=", ".join(sheets)[:300])
        return wanted
    found = next((name for name in sheets if _sheet(book, name).height), None)
    if found is None:
        raise DataError("opening.empty_workbook")
    return found


def _sheet(book: Any, name: str) -> Any:
    with Guarded():
        return book.get_sheet_by_name(name)


def _rows(path: Path, name: str) -> Iterator[tuple[int, list[Any]]]:
    """(row from 1, cells) of every row with something in it."""
    for number, row in enumerate(_sheet(_book(path), name).iter_rows(), start=1):
        if any(cell != "" for cell in row):
            yield number, row


def _records(path: Path, understood: Understood) -> Iterator[Record]:
    columns, count = understood.columns, 0
    rows = _rows(path, understood.sheet)
    if understood.header:
        next(rows, None)
    for number, cells in rows:
        count += 1
        yield _record(number, cells, columns)
    if understood.header and not count:
        raise DataError("opening.only_header")


def _record(number: int, cells: list[Any], columns: tuple[str, ...]) -> Record:
    beyond = [cell for cell in cells[len(columns) :] if cell != ""]
    if beyond:
        most = len(columns) + len(beyond)
        return Record(str(number), {}, DataError("opening.ragged", line=number, values=most, columns=len(columns)))
    values: Values = {name: plain(cell) for name, cell in zip(columns, cells, strict=False)}
    long = next((name for name, cell in values.items() if isinstance(cell, str) and len(cell) > MOST_FIELD), None)
    if long is not None:
        fault = DataError("opening.field_too_long", line=number, column=long, most=MOST_FIELD)
        return Record(str(number), {}, fault)
    return Record(str(number), values | dict.fromkeys(columns[len(cells) :], ""))


def plain(cell: Any) -> Any:
    """A cell as JSON can hold it: a whole number without decimals, a date as ISO 8601."""
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(sep=" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell)
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    return cell


def _written(cell: Any) -> str:
    return str(plain(cell))


def _refuse_big(path: Path) -> None:
    """DataError for a workbook that is small on the disk only."""
    with path.open("rb") as file:
        if file.read(4) not in ZIP:
            return
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
            if size > MOST_UNPACKED:
                raise DataError("opening.too_big_inside", size=f"{size >> 20} MB", most=f"{MOST_UNPACKED >> 20} MB")
            for entry in archive.infolist():
                if entry.filename.startswith("xl/worksheets/") and entry.filename.endswith(".xml"):
                    _refuse_wide(archive, entry)
    except (zipfile.BadZipFile, OSError, NotImplementedError, EOFError, RuntimeError, zlib.error) as error:
        raise DataError("opening.damaged_workbook") from error


def _refuse_wide(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """A single cell in the last corner of a sheet would need a hundred gigabytes."""
    widest, last, before = b"A", 1, b""
    with archive.open(entry) as file:
        while raw := file.read(PART):
            for letters, row in CELL.findall(before + raw):
                last = max(last, int(row))
                widest = max(widest, letters, key=lambda name: (len(name), name))
            before = raw[-OVERLAP:]
    columns = sum((letter - 64) * 26**place for place, letter in enumerate(reversed(widest)))
    if columns * last > MOST_CELLS:
        raise DataError("opening.too_many_cells", rows=last, columns=columns)
