"""A file somebody brings becomes stored rows: every line checked, put into its stored form, and written out."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from backend.data import shapes
from backend.data.files import jsonl
from backend.data.files.encoding import not_utf_8, refuse_other_kinds
from backend.data.shapes import Row, Shape
from backend.data.sources import parquet, plain
from backend.errors import DataError
from backend.messages import Count

FEWEST = 10
LONG_TEXT = 10_000
TEXT = "text"


@dataclass
class Findings:
    """What was found in a file: `faulty` lines are not among `rows`; `distinct` grows until it suffices."""

    rows: int = 0
    total: int = 0
    faulty: int = 0
    empty_answers: int = 0
    characters: int = 0
    shape: Shape = "chat"
    first_fault: DataError | None = None
    distinct: set[bytes] = field(default_factory=set)
    digest: str = ""


def store(paths: Sequence[Path], target: BinaryIO, *, skip_bad: bool = False, field: str = TEXT) -> Findings:
    """Write the rows of these files, one after another, in their stored form and say what was found.

    Texts stand in `field` of a JSONL or parquet file; a .txt file is text as it is.

    DataError for the first faulty line (after counting all of them), unless `skip_bad`; always when the file is not
    text, is empty, mixes chats with plain text, or is left with too little to train on.
    """
    for path in paths:
        refuse_other_kinds(path)
    findings = Findings()
    digest = hashlib.sha256()
    for row in chain.from_iterable(_good_rows(path, findings, field) for path in paths):
        raw = json.dumps(row, ensure_ascii=False, separators=(", ", ": ")).encode("utf-8") + b"\n"
        target.write(raw)
        digest.update(raw)
        findings.characters += len(raw)
        if len(findings.distinct) < FEWEST:
            findings.distinct.add(raw)
    findings.digest = digest.hexdigest()
    _judge(findings, skip_bad=skip_bad)
    return findings


def _lines(path: Path, field: str) -> Iterator[tuple[int, Row | bytes | None]]:
    """(place, row or unread line) of everything in a file."""
    if parquet.is_one(path):
        return parquet.documents(path, field)
    return plain.documents(path) if path.suffix.lower() == ".txt" else jsonl.lines(path)


def _parsed(number: int, line: Row | bytes | None, field: str) -> Row:
    if isinstance(line, dict):
        return line
    row = jsonl.parse(number, line)
    return {TEXT: row[field]} if field != TEXT and field in row else row


def _good_rows(path: Path, findings: Findings, field: str) -> Iterator[Row]:
    for number, line in _lines(path, field):
        findings.total += 1
        try:
            shape, row = shapes.normalise(_parsed(number, line, field), number, findings.total)
            if findings.rows and shape != findings.shape:
                raise DataError("data.mixed", line=number)
        except UnicodeDecodeError as error:
            raise not_utf_8(number, error) from error
        except DataError as error:
            findings.faulty += 1
            findings.empty_answers += error.key == "data.empty_answer"
            findings.first_fault = findings.first_fault or error
            continue
        findings.shape = shape
        findings.rows += 1
        yield row


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
    different = len(findings.distinct)
    if different >= FEWEST or (findings.shape == "text" and findings.characters >= LONG_TEXT):
        return
    values = {"examples": Count("data.examples", findings.rows), "different": different, "fewest": FEWEST}
    raise DataError("data.too_few" if findings.rows < FEWEST else "data.too_alike", **values)
