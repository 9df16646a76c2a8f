"""The records of a file with one JSON object to a line."""

import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from backend.data.files import jsonl, turns
from backend.data.files.blocks import Block, Chats
from backend.data.files.encoding import not_utf_8
from backend.data.opening.characters import streams
from backend.data.opening.characters.names import UTF_8
from backend.data.opening.meter import Meter
from backend.data.opening.opened import Opened, Record, Understood
from backend.errors import DataError


def opened(path: Path, encoding: str) -> Opened:
    """A file in UTF-8 can also be read in blocks."""
    in_blocks = partial(turns.of, path) if encoding == UTF_8 else None
    meter = Meter()
    known = Understood(kind="jsonl", encoding=encoding)
    return Opened(known, partial(_records, path, encoding, meter), in_blocks, meter)


def records_in(block: Block | Chats) -> Iterator[Record]:
    return _read(jsonl.lines_of(io.BytesIO(block.raw), block.first))


def _records(path: Path, encoding: str, meter: Meter) -> Iterator[Record]:
    with streams.utf_8(path, encoding, meter) as file:
        yield from _read(jsonl.lines_of(file))


def _read(every: Iterator[tuple[int, bytes | None]]) -> Iterator[Record]:
    for number, line in every:
        try:
            yield Record(str(number), jsonl.parse(number, line))
        except DataError as error:
            yield Record(str(number), {}, error)
        except UnicodeDecodeError as error:
            yield Record(str(number), {}, not_utf_8(number, error))
