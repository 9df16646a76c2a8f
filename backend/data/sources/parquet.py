"""The texts of a parquet file, one after another: a few thousand rows of one column in memory, never the file.

pyarrow takes 60 ms and 30 MB to load, which only those pay who bring such a file.
"""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from backend.data.sources.plain import pieces
from backend.errors import DataError

MARK = b"PAR1"
ROWS = 1000
LONGEST_SHOWN = 200


def is_one(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(MARK)) == MARK


def documents(path: Path, field: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """(row from 1, {"text"}) of every row; long texts in pieces. DataError when the column is not there, holds no
    text, or when the file is damaged.
    """
    pyarrow: Any = import_module("pyarrow")
    tables: Any = import_module("pyarrow.parquet")
    number = 0
    try:
        with tables.ParquetFile(path) as file:
            _require(file.schema_arrow, field, pyarrow)
            for batch in file.iter_batches(batch_size=ROWS, columns=[field]):
                for text in batch.column(0).to_pylist():
                    number += 1
                    yield from ((number, {"text": piece}) for piece in pieces(text or ""))
    except (pyarrow.ArrowException, OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError("data.bad_parquet", row=number + 1) from error


def count(path: Path) -> int:
    """Rows, as the file's own summary states them. DataError as `documents`."""
    tables: Any = import_module("pyarrow.parquet")
    pyarrow: Any = import_module("pyarrow")
    try:
        return int(tables.read_metadata(path).num_rows)
    except (pyarrow.ArrowException, OSError, EOFError) as error:
        raise DataError("data.bad_parquet", row=1) from error


def cut(path: Path, target: Path, first: int, end: int) -> None:
    """Write the rows from `first` (from 0) to before `end` as a file of their own. DataError as `documents`."""
    tables: Any = import_module("pyarrow.parquet")
    pyarrow: Any = import_module("pyarrow")
    at = 0
    try:
        with tables.ParquetFile(path) as file, tables.ParquetWriter(target, file.schema_arrow) as writer:
            for batch in file.iter_batches(batch_size=ROWS):
                begin, stop = max(first - at, 0), min(end - at, batch.num_rows)
                if begin < stop:
                    writer.write_batch(batch.slice(begin, stop - begin))
                at += batch.num_rows
                if at >= end:
                    break
    except (pyarrow.ArrowException, OSError, EOFError) as error:
        raise DataError("data.bad_parquet", row=at + 1) from error


def unpacked(path: Path, field: str) -> int:
    """Bytes of the texts as the file's own summary states them. DataError as `documents`."""
    tables: Any = import_module("pyarrow.parquet")
    pyarrow: Any = import_module("pyarrow")
    try:
        with tables.ParquetFile(path) as file:
            _require(file.schema_arrow, field, pyarrow)
            groups = (file.metadata.row_group(at) for at in range(file.metadata.num_row_groups))
            columns = (group.column(at) for group in groups for at in range(group.num_columns))
            return sum(one.total_uncompressed_size for one in columns if one.path_in_schema == field)
    except (pyarrow.ArrowException, OSError, EOFError) as error:
        raise DataError("data.bad_parquet", row=1) from error


def _require(schema: Any, field: str, pyarrow: Any) -> None:
    if field not in schema.names:
        raise DataError("data.no_column", field=field, columns=", ".join(schema.names)[:LONGEST_SHOWN])
    kind = schema.field(field).type
    if not (pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind)):
        raise DataError("data.column_not_text", field=field)
