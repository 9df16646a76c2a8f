"""A table in text: rows of values under their columns, read by the standard library with what it lets pass caught.

Left alone, the reader takes a quote that never closes for one value up to the end of the file, shifts the columns of a
row that has too many values, and gives the second of two columns of one name to both.
"""

from collections.abc import Iterator
from functools import partial
from io import TextIOWrapper
from itertools import islice
from pathlib import Path

from backend.data.opening.characters import streams
from backend.data.opening.meter import Meter
from backend.data.opening.opened import Choices, Notice, Opened, Record, Understood, Values
from backend.data.opening.written import table_shape
from backend.data.opening.written.physical import MOST_FIELD, Row, rows
from backend.data.opening.written.table_shape import LOOKED_AT, TableShape
from backend.errors import DataError

SEEN = 20


def opened(path: Path, encoding: str, choices: Choices) -> Opened:
    """DataError for a table whose columns cannot be told apart."""
    with _text(path, encoding) as file:
        head = file.read(LOOKED_AT)
    shape = table_shape.of(head, choices.separator, choices.quote)
    first = [row for row in islice(_rows(path, encoding, shape), SEEN) if row.values and row.fault is None]
    above = table_shape.titles([row.values for row in first]) if choices.header is not False else 0
    header = bool(first) and (
        table_shape.has_header([row.values for row in first[above:]]) if choices.header is None else choices.header
    )
    columns = _columns(first[above].values, header=header) if first else ()
    notices = [] if header or not first or choices.header is False else [Notice(key="opening.no_header")]
    notices += titled(above)
    understood = Understood(
        kind="csv",
        encoding=encoding,
        separator=shape.separator,
        quote=shape.quote,
        header=header,
        columns=columns,
        notices=tuple(notices),
    )
    meter = Meter()
    return Opened(understood, partial(_records, path, understood, shape, meter, above), meter=meter)


def titled(above: int) -> list[Notice]:
    return [Notice(key="opening.titles", values={"count": above})] if above else []


def named(names: list[str]) -> tuple[str, ...]:
    """The names of columns without spaces around them, a number for one without. DataError for two of one name."""
    found = [name.strip() for name in names]
    while found and not found[-1]:
        found.pop()
    for name in found:
        if name and found.count(name) > 1:
            raise DataError("opening.column_twice", column=name)
    return tuple(name or f"column_{at}" for at, name in enumerate(found, start=1))


def _columns(first: list[str], *, header: bool) -> tuple[str, ...]:
    return named(first) if header else tuple(f"column_{at}" for at in range(1, len(first) + 1))


def _text(path: Path, encoding: str, meter: Meter | None = None) -> TextIOWrapper:
    return TextIOWrapper(
        streams.utf_8(path, encoding, meter), encoding="utf-8-sig", errors="surrogateescape", newline=""
    )


def _rows(path: Path, encoding: str, shape: TableShape, meter: Meter | None = None) -> Iterator[Row]:
    with _text(path, encoding, meter) as file:
        yield from rows(file, shape)


def _records(path: Path, understood: Understood, shape: TableShape, meter: Meter, above: int) -> Iterator[Record]:
    columns = understood.columns
    waiting, count = above + bool(understood.header), 0
    for row in _rows(path, understood.encoding, shape, meter):
        if waiting and row.fault is None:
            waiting -= 1
            continue
        count += 1
        yield _record(row, columns)
    if understood.header and not count:
        raise DataError("opening.only_header")


def _record(row: Row, columns: tuple[str, ...]) -> Record:
    place = str(row.line)
    if row.fault is not None:
        return Record(place, {}, row.fault)
    values = row.values
    while len(values) > len(columns) and not values[-1].strip():
        values.pop()
    if len(values) != len(columns):
        fault = DataError("opening.ragged", line=row.line, values=len(values), columns=len(columns))
        return Record(place, {}, fault)
    found: Values = dict(zip(columns, values, strict=True))
    long = next((name for name, value in found.items() if len(value) > MOST_FIELD), None)
    if long is not None:
        return Record(place, {}, DataError("opening.field_too_long", line=row.line, column=long, most=MOST_FIELD))
    return Record(place, found)
