"""The records of a file with one JSON object to a line."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from backend.data.files import jsonl
from backend.data.files.encoding import not_utf_8
from backend.data.opening.characters import streams
from backend.data.opening.opened import Opened, Record, Understood
from backend.errors import DataError


def opened(path: Path, encoding: str) -> Opened:
    return Opened(Understood(kind="jsonl", encoding=encoding), partial(_records, path, encoding))


def _records(path: Path, encoding: str) -> Iterator[Record]:
    with streams.utf_8(path, encoding) as file:
        for number, line in jsonl.lines_of(file):
            try:
                yield Record(str(number), jsonl.parse(number, line))
            except DataError as error:
                yield Record(str(number), {}, error)
            except UnicodeDecodeError as error:
                yield Record(str(number), {}, not_utf_8(number, error))
