"""The rows of Parquet and Arrow files: some megabytes in memory at a time, whatever the file says of itself.

pyarrow takes 60 ms and 30 MB to load, which only those pay who bring such a file.
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from backend.data.opening.opened import Opened, Picture, Record, Understood
from backend.errors import DataError

ROWS = 1000
BATCH_BYTES = 16 << 20


def parquet(path: Path) -> Opened:
    """DataError for a damaged file; one that is damaged further down says so when its records are read."""
    columns = _guarded(_parquet_columns, path)
    return Opened(Understood(kind="parquet", columns=columns), partial(_records, path, _parquet_batches))


def arrow(path: Path) -> Opened:
    """The same for Arrow: a file, a stream, or what pandas calls feather."""
    columns = _guarded(lambda place: tuple(_arrow_schema(place).names), path)
    return Opened(Understood(kind="arrow", columns=columns), partial(_records, path, _arrow_batches))


def _guarded(ask: Any, path: Path) -> Any:
    pyarrow: Any = import_module("pyarrow")
    try:
        return ask(path)
    except (pyarrow.ArrowException, OSError, EOFError, ValueError) as error:
        raise DataError("opening.damaged_table", row=1) from error


def _records(path: Path, batches: Any) -> Iterator[Record]:
    pyarrow: Any = import_module("pyarrow")
    number = 0
    try:
        for batch in batches(path):
            for row in batch.to_pylist():
                number += 1
                yield Record(str(number), {name: plain(value) for name, value in row.items()})
    except (pyarrow.ArrowException, OSError, EOFError, ValueError, OverflowError) as error:
        raise DataError("opening.damaged_table", row=number + 1) from error


def plain(value: Any) -> Any:
    """A value as JSON can hold it; the bytes of a picture stay a picture."""
    if isinstance(value, dict):
        if isinstance(value.get("bytes"), bytes) and value.keys() <= {"bytes", "path"}:
            return Picture(str(value.get("path") or ""), data=value["bytes"])
        return {str(name): plain(child) for name, child in value.items()}
    if isinstance(value, list | tuple):
        return [plain(child) for child in value]
    if isinstance(value, bytes):
        return Picture("", data=value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal | timedelta):
        return str(value)
    return value


def _parquet_columns(path: Path) -> tuple[str, ...]:
    tables: Any = import_module("pyarrow.parquet")
    with tables.ParquetFile(path) as file:
        return tuple(file.schema_arrow.names)


def _parquet_batches(path: Path) -> Iterator[Any]:
    tables: Any = import_module("pyarrow.parquet")
    with tables.ParquetFile(path, pre_buffer=False) as file:
        size = sum(file.metadata.row_group(at).total_byte_size for at in range(file.metadata.num_row_groups))
        a_row = size // max(file.metadata.num_rows, 1) + 1
        yield from file.iter_batches(batch_size=max(1, min(ROWS, BATCH_BYTES // a_row)), use_threads=False)


def _arrow_schema(path: Path) -> Any:
    return next(_tables(path, schema=True))


def _arrow_batches(path: Path) -> Iterator[Any]:
    for batch in _tables(path):
        # Places that a damaged file gives are believed otherwise, and the process ends where they lead.
        batch.validate(full=True)
        a_row = batch.nbytes // max(batch.num_rows, 1) + 1
        step = max(1, min(ROWS, BATCH_BYTES // a_row))
        yield from (batch.slice(at, step) for at in range(0, batch.num_rows, step))


def _tables(path: Path, *, schema: bool = False) -> Iterator[Any]:
    """The schema, or the batches as they were written."""
    pyarrow: Any = import_module("pyarrow")
    messages: Any = import_module("pyarrow.ipc")
    with path.open("rb") as head:
        mark = head.read(6)
    if mark[:4] == b"FEA1":
        table = import_module("pyarrow.feather").read_table(path)
        yield from [table.schema] if schema else table.to_batches()
        return
    with pyarrow.memory_map(str(path)) as source:
        if mark == b"ARROW1":
            file = messages.open_file(source)
            yield from [file.schema] if schema else (file.get_batch(at) for at in range(file.num_record_batches))
        else:
            with messages.open_stream(source) as stream:
                yield from [stream.schema] if schema else stream
