"""A file somebody brings becomes stored rows: every line checked, put into its stored form, and written out."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, TypeVar

import orjson

from backend.data import shapes
from backend.data.files.blocks import Block, Chats, stored
from backend.data.files.encoding import refuse_other_kinds
from backend.data.opening.characters.names import UTF_8
from backend.data.opening.opened import Record
from backend.data.opening.written import lines, texts
from backend.data.shapes import Row, Shape
from backend.data.sources import parquet
from backend.errors import DataError, StudioError
from backend.messages import Count

FEWEST = 10
LONG_TEXT = 10_000
TEXT = "text"
Fault = TypeVar("Fault", bound=StudioError)
Tell = Callable[[str, DataError], None]
"""Told of each faulty record: its place, and what is wrong with it."""
Convert = Callable[[Record, int], Iterable[tuple[Shape, Row]]]
"""From a record and its number from 1 to stored rows."""


@dataclass
class Findings:
    """What was found in a file: `faulty` lines are not among `rows`; `distinct` grows until it suffices."""

    rows: int = 0
    total: int = 0
    faulty: int = 0
    empty_answers: int = 0
    characters: int = 0
    shape: Shape = "chat"
    first_place: str = ""
    first_fault: DataError | None = None
    distinct: set[bytes] = field(default_factory=set)
    digest: str = ""


def store(paths: Sequence[Path], target: BinaryIO, *, skip_bad: bool = False, field: str = TEXT) -> Findings:
    """Write the rows of these files, one after another, in their stored form and say what was found.

    Texts stand in `field` of a JSONL or parquet file; a .txt file is text as it is. DataError as `write`, and for
    a file that is no text.
    """
    for path in paths:
        refuse_other_kinds(path)
    return write(chain.from_iterable(strictly(path, field) for path in paths), target, skip_bad=skip_bad)


def write(
    records: Iterable[Record],
    target: BinaryIO,
    convert: Convert | None = None,
    *,
    skip_bad: bool = False,
    tell: Tell | None = None,
) -> Findings:
    """Write what these records become (by the names of their fields, or by `convert`) and say what was found.

    DataError for the first faulty one (after counting all of them), unless `skip_bad`; always when there are none, when
    chats are mixed with plain text, or when too little is left to train on.
    """
    writer = Writer(target, convert or normalised, tell)
    writer.records(records)
    return writer.ended(skip_bad=skip_bad)


def write_blocks(
    blocks: Iterable[Block | Chats],
    target: BinaryIO,
    *,
    skip_bad: bool = False,
    tell: Tell | None = None,
) -> Findings:
    """The same for a file of lines in blocks: those that are stored chats as they are, the others line by line, by the
    names of their fields.
    """
    writer = Writer(target, normalised, tell)
    for block in blocks:
        chats = None
        if writer.findings.shape == "chat":
            chats = block.raw if isinstance(block, Chats) else stored(block)
        if chats is not None:
            writer.rows(chats, block.total)
        else:
            writer.records(lines.records_in(block))
    return writer.ended(skip_bad=skip_bad)


class Writer:
    """Writes rows one after another, or many at once, and counts what is found."""

    def __init__(self, target: BinaryIO, convert: Convert, tell: Tell | None) -> None:
        self.findings = Findings()
        self._target, self._convert, self._tell, self._digest = target, convert, tell, hashlib.sha256()

    def records(self, records: Iterable[Record]) -> None:
        for row in _good_rows(records, self.findings, self._convert, self._tell):
            self._write(written(row), 1)

    def rows(self, raw: bytes, count: int) -> None:
        """So many chats in their stored form, each with the end of its line."""
        self.findings.total += count
        self.findings.rows += count
        self._write(raw, count)

    def ended(self, *, skip_bad: bool) -> Findings:
        """DataError as `write`."""
        _judge(self.found(), skip_bad=skip_bad)
        return self.findings

    def found(self) -> Findings:
        """Of all rows so far, however few they are."""
        self.findings.digest = self._digest.hexdigest()
        return self.findings

    def _write(self, raw: bytes, count: int) -> None:
        self._target.write(raw)
        self._digest.update(raw)
        found = self.findings
        found.characters += len(raw)
        if len(found.distinct) < FEWEST:
            every = raw.splitlines(keepends=True) if count > 1 else [raw]
            found.distinct.update(islice(dict.fromkeys(every), FEWEST))


def written(row: Row) -> bytes:
    """A stored row as its line."""
    try:
        return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:
        return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n"


def strictly(path: Path, field: str = TEXT) -> Iterator[Record]:
    """The records of a JSONL file in UTF-8, of a column of a parquet file, or of a plain text; DataError as `store`."""
    if parquet.is_one(path):
        return (Record(str(number), values) for number, values in parquet.documents(path, field))
    if path.suffix.lower() == ".txt":
        return texts.opened(path, UTF_8).records()
    return (_texts_in(record, field) for record in lines.opened(path, UTF_8).records())


def _texts_in(record: Record, field: str) -> Record:
    return record._replace(values={TEXT: record.values[field]}) if field != TEXT and field in record.values else record


def normalised(record: Record, number: int) -> Iterable[tuple[Shape, Row]]:
    """The stored row of a record whose fields have the names that are known."""
    return (shapes.normalise(record.values, record.place, number),)


def _good_rows(records: Iterable[Record], findings: Findings, convert: Convert, tell: Tell | None) -> Iterator[Row]:
    for record in records:
        findings.total += 1
        try:
            if record.fault is not None:
                raise record.fault
            made = tuple(convert(record, findings.total))
            # What comes of one record is of one shape.
            if findings.rows and made and made[0][0] != findings.shape:
                raise DataError("data.mixed", line=record.place)
        except DataError as error:
            findings.faulty += 1
            findings.empty_answers += error.key == "data.empty_answer"
            fault = changed_kind(error, record, findings.first_place)
            findings.first_fault = findings.first_fault or fault
            if tell is not None:
                tell(record.place, fault)
            continue
        findings.first_place = findings.first_place or record.place
        for shape, row in made:
            findings.shape = shape
            findings.rows += 1
            yield row


def changed_kind(error: Fault, record: Record, first: str) -> Fault | DataError:
    """The fault, said better where a field is a text in the row at the place `first` and a number in this one."""
    field = str(error.values.get("field"))
    number = record.values.get(field)
    if error.key != "data.not_text" or not first or isinstance(number, bool) or not isinstance(number, int | float):
        return error
    return DataError("mapping.changed_kind", field=field, text=first, number=record.place)


def _judge(findings: Findings, *, skip_bad: bool) -> None:
    fault = findings.first_fault
    if not findings.total:
        raise DataError("data.empty_file")
    if findings.empty_answers == findings.total:
        raise DataError("data.all_answers_empty", examples=Count("data.examples", findings.total))
    if fault and not skip_bad:
        raise DataError(fault.key, **fault.values, affected=findings.faulty, total=findings.total)
    _refuse_too_few(findings)


def _refuse_too_few(findings: Findings) -> None:
    fault = too_few(findings.rows, len(findings.distinct), findings.shape, findings.characters)
    if fault:
        raise fault


def too_few(rows: int, different: int, shape: Shape | None, size: int) -> DataError | None:
    """What is wrong with so many rows, so many of them `different`, of `size` bytes in all; None when they suffice."""
    if different >= FEWEST or (shape == "text" and size >= LONG_TEXT):
        return None
    values = {"examples": Count("data.examples", rows), "different": different, "fewest": FEWEST}
    return DataError("data.too_few" if rows < FEWEST else "data.too_alike", **values)
