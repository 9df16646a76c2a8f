"""A sheet of a workbook, read by a process of its own: `python -m backend.data.opening.tables.sheet PATH SHEET MEMORY
SECONDS`; SHEET may be "", the first one with something in it.

The library that reads workbooks is native code, and a damaged one makes it ask for more memory than there is, which
ends the process. Written are lines of JSON: {"sheets", "sheet"} (null: there is none, or nothing in any), then [row
from 1, [cells]] for every row with something in it.
"""

import sys
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from importlib import import_module
from typing import Any

import orjson

from backend.data.opening.limits import limit


def lines(path: str, wanted: str) -> Iterator[bytes]:
    """What the library raises for a workbook that it cannot read ends the process."""
    library: Any = import_module("python_calamine")
    book = library.CalamineWorkbook.from_path(path)
    names = list(book.sheet_names)
    sheet = _chosen([book.get_sheet_by_name(name) for name in names if name == wanted or not wanted], wanted)
    yield orjson.dumps({"sheets": names, "sheet": None if sheet is None else sheet.name}) + b"\n"
    for number, row in enumerate(() if sheet is None else sheet.iter_rows(), start=1):
        if any(cell != "" for cell in row):
            yield orjson.dumps([number, [plain(cell) for cell in row]]) + b"\n"


def _chosen(sheets: list[Any], wanted: str) -> Any:
    """The one that was asked for; else the first that has rows and columns, else the first with something in it."""
    if wanted:
        return next(iter(sheets), None)
    filled = [sheet for sheet in sheets if sheet.height]
    return next((sheet for sheet in filled if sheet.height > 1 and sheet.width > 1), next(iter(filled), None))


def plain(cell: Any) -> Any:
    """A cell as JSON can hold it: a whole number without decimals, a date as ISO 8601."""
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(sep=" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell)
    if isinstance(cell, float) and cell.is_integer():
        whole = int(cell)
        return whole if abs(whole) < 1 << 63 else str(whole)
    return cell


def main(arguments: list[str]) -> int:
    path, wanted, memory, seconds = arguments
    limit(int(memory), int(seconds))
    for line in lines(path, wanted):
        sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
