"""The rows of a table in text as they stand in the file, each with the line it begins in, or with what is wrong."""

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import TextIOWrapper
from typing import Any, NamedTuple

from backend.data.files.encoding import not_utf_8
from backend.data.opening.written.table_shape import TableShape
from backend.errors import DataError

MOST_FIELD = 100_000
MOST_LINE = 1_000_000
REPLACED = "\udc80", "\udcff"


class Row(NamedTuple):
    line: int
    values: list[str]
    fault: DataError | None = None


@dataclass
class Lines:
    """The lines of a file for the reader of one row; those of a row that went wrong are given out again.

    `given`: what the row that is being read has taken. `number`: of the last line taken. `open`: the file has ended in
    the middle of that row.
    """

    file: TextIOWrapper
    again: deque[str] = field(default_factory=deque)
    given: list[str] = field(default_factory=list)
    number: int = 0
    open: bool = False

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        line = self.again.popleft() if self.again else self.file.readline(MOST_LINE + 1)
        if not line:
            self.open = bool(self.given)
            raise StopIteration
        self.number += 1
        self.given.append(line)
        return line

    def finish(self) -> None:
        self.given, self.open = [], False

    def give_back(self) -> None:
        """All lines of this row but its first are to be read again."""
        back = self.given[1:]
        self.again.extendleft(reversed(back))
        self.number -= len(back)
        self.finish()

    def skip_rest(self) -> None:
        """Of a line that is longer than any line may be."""
        while not self.given[-1].endswith("\n") and (part := self.file.readline(MOST_LINE)):
            self.given[-1] = part
        self.finish()


def rows(file: TextIOWrapper, shape: TableShape) -> Iterator[Row]:
    """Every row that is not empty."""
    # Python's own limit is far lower; what is too long for us is then named with its column.
    csv.field_size_limit(MOST_LINE)
    lines = Lines(file)
    for _ in range(shape.skipped):
        next(lines, None)
    lines.finish()
    how: dict[str, Any] = {"delimiter": shape.separator, "quotechar": shape.quote}
    reader = csv.reader(lines, **how)
    while True:
        begin = lines.number + 1
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error:
            values = []
        fault = _fault(lines, begin, how, read=bool(values))
        if fault is not None:
            yield Row(begin, [], fault)
            reader = csv.reader(lines, **how)
        else:
            lines.finish()
            if any(value.strip() for value in values):
                yield Row(begin, values)


def _fault(lines: Lines, begin: int, how: dict[str, Any], *, read: bool) -> DataError | None:
    """What is wrong with the row that was just taken; the lines that do not belong to it are then given back."""
    given = lines.given
    if max(map(len, given)) > MOST_LINE:
        at = begin + len(given) - 1
        lines.skip_rest()
        return DataError("data.line_too_long", line=at)
    for at, line in enumerate(given, start=begin):
        if fault := _bad_letters(line, at):
            lines.give_back()
            return fault
    blank = len(given) == 1 and not given[0].strip("\r\n")
    if (read or blank) and not lines.open and (len(given) == 1 or _holds(given, how)):
        return None
    several = len(given) > 1 or lines.open
    lines.give_back()
    key = "opening.open_quote" if several else "opening.field_too_long_line"
    return DataError(key, line=begin, quote=how["quotechar"], most=MOST_FIELD)


def _bad_letters(line: str, at: int) -> DataError | None:
    if "\x00" in line:
        return DataError("opening.nul", line=at)
    if line.isascii() or not any(REPLACED[0] <= letter <= REPLACED[1] for letter in line):
        return None
    try:
        line.encode("utf-8", errors="surrogateescape").decode("utf-8")
    except UnicodeDecodeError as error:
        return not_utf_8(at, error)
    return None


def _holds(given: list[str], how: dict[str, Any]) -> bool:
    """Whether a row over several lines is quoted as it should be: nothing stands between a quote and a separator."""
    try:
        list(csv.reader(given, strict=True, **how))
    except csv.Error:
        return False
    return True
