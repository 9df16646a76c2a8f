"""The rows of one sheet of a workbook: Excel's of all ages, and OpenDocument's."""

import re
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from backend.data.opening.kinds import ZIP
from backend.data.opening.opened import Choices, Notice, Opened, Record, Understood, Values
from backend.data.opening.written import table_shape
from backend.data.opening.written.physical import MOST_FIELD
from backend.data.opening.written.table import named, titled
from backend.errors import DataError
from backend.jobs.supervisor.start import environment
from backend.paths import ROOT

SEEN = 20
MOST_UNPACKED = 1 << 30
MOST_CELLS = 50_000_000
"""The reader holds a sheet from its first to its last cell, the empty ones too."""
CELL = re.compile(rb'<(?:\w+:)?c [^>]*?r="([A-Z]{1,3})(\d{1,7})"')
PART, OVERLAP = 1 << 20, 256
MEMORY, SECONDS = 2 << 30, 300
"""What the process that reads a workbook may take."""
LARGE = 20 << 20
"""Bytes of a workbook that may need so much memory without being damaged."""
TIME_OVER = (-24, -9)


def opened(path: Path, choices: Choices) -> Opened:
    """DataError for a workbook that is damaged, locked, too big or empty, or has no such sheet."""
    _refuse_big(path)
    with closing(_read(path, choices.sheet or "")) as read:
        known: dict[str, Any] = next(read)
        sheets, sheet = tuple(known["sheets"]), known["sheet"]
        if sheet is None:
            raise _no_sheet(choices.sheet, sheets)
        first = [list(map(str, cells)) for _, cells in islice(read, SEEN)]
    above = table_shape.titles(first) if choices.header is not False else 0
    header = bool(first) and (table_shape.has_header(first[above:]) if choices.header is None else choices.header)
    columns = (
        named(first[above]) if header else tuple(f"column_{at}" for at in range(1, max(map(len, first), default=0) + 1))
    )
    notices = [Notice(key="opening.no_header")] if first and not header and choices.header is None else []
    notices += titled(above)
    if len(sheets) > 1 and choices.sheet is None:
        notices.append(Notice(key="opening.several_sheets", values={"count": len(sheets), "sheet": sheet}))
    understood = Understood(
        kind="workbook", header=header, sheet=sheet, sheets=sheets, columns=columns, notices=tuple(notices)
    )
    return Opened(understood, partial(_records, path, understood, above))


def _no_sheet(wanted: str | None, sheets: tuple[str, ...]) -> DataError:
    if wanted:
        return DataError("opening.no_sheet", sheet=wanted[:100], sheets=", ".join(sheets)[:300])
    return DataError("opening.empty_workbook")


def _read(path: Path, sheet: str) -> Generator[Any]:
    """What the process that reads it says, line by line; DataError when that ends too early."""
    command = [sys.executable, "-m", "backend.data.opening.tables.sheet", str(path.resolve()), sheet]
    reader = subprocess.Popen(
        [*command, str(MEMORY), str(SECONDS)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env=environment(),
    )
    with reader, reader.stdout or sys.stdin.buffer as lines:
        try:
            for line in lines:
                if line.endswith(b"\n"):
                    yield orjson.loads(line)
        except GeneratorExit:
            reader.kill()
            raise
    if reader.returncode:
        raise _ended(path, reader.returncode)


def _ended(path: Path, code: int) -> DataError:
    """Why a reader ended before the workbook did: it took too long, or too much memory, or met what it cannot read. A
    small workbook that needs so much is damaged.
    """
    if code in TIME_OVER:
        return DataError("opening.too_long_to_read")
    large = code < 0 and path.stat().st_size > LARGE
    return DataError("opening.too_big_to_read" if large else "opening.damaged_workbook")


def _records(path: Path, understood: Understood, above: int) -> Iterator[Record]:
    columns, count = understood.columns, 0
    with closing(_read(path, understood.sheet)) as rows:
        # The first line says which sheets there are.
        for _ in range(1 + above + bool(understood.header)):
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
    values: Values = dict(zip(columns, cells, strict=False))
    long = next((name for name, cell in values.items() if isinstance(cell, str) and len(cell) > MOST_FIELD), None)
    if long is not None:
        fault = DataError("opening.field_too_long", line=number, column=long, most=MOST_FIELD)
        return Record(str(number), {}, fault)
    return Record(str(number), values | dict.fromkeys(columns[len(cells) :], ""))


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
