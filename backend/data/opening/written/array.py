"""The records of a JSON file: a list of objects, one in an object, or lists that belong together, as captions do.

A list is read element by element: a window of a few megabytes in memory, never the file.
"""

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from backend.data.files import jsonl
from backend.data.files.encoding import not_utf_8
from backend.data.opening.characters import streams
from backend.data.opening.meter import Meter
from backend.data.opening.opened import Opened, Record, Understood
from backend.data.opening.written import objects
from backend.errors import DataError
from backend.messages import Phrase

PART = 1 << 20
MOST_WHOLE = 128 << 20
"""Bytes of a file that is one object and is read as a whole."""
SPACE = re.compile(r"[ \t\r\n]*")
BETWEEN = re.compile(r"[ \t\r\n]*,?[ \t\r\n]*")


@dataclass
class Window:
    """What is seen of a file: `text` from `at` on is still to be read; `line` is the number of the line there."""

    file: BinaryIO
    text: str = ""
    at: int = 0
    line: int = 1
    ended: bool = False

    def __post_init__(self) -> None:
        self.decoder = codecs.getincrementaldecoder("utf-8-sig")()

    def move(self, pattern: re.Pattern[str] = SPACE) -> str:
        """Go over what the pattern takes, then give the next letter, "" at the end."""
        while True:
            self.fill()
            found = pattern.match(self.text, self.at)
            self.go(found.end() if found else self.at)
            if self.at < len(self.text) or self.ended:
                return self.text[self.at : self.at + 1]

    def go(self, to: int) -> None:
        self.line += self.text.count("\n", self.at, to)
        self.at = to

    def fill(self) -> None:
        """The longest line that may be is in sight."""
        while not self.ended and len(self.text) - self.at <= jsonl.MAX_LINE:
            raw = self.file.read(PART)
            self.ended = not raw
            try:
                more = self.decoder.decode(raw, final=not raw)
            except UnicodeDecodeError as error:
                line = self.line + self.text.count("\n", self.at) + error.object[: error.start].count(b"\n")
                raise not_utf_8(line, error) from error
            self.text, self.at = self.text[self.at :] + more, 0


def opened(path: Path, encoding: str) -> Opened:
    meter = Meter()
    return Opened(Understood(kind="json", encoding=encoding), partial(_records, path, encoding, meter), meter=meter)


def _records(path: Path, encoding: str, meter: Meter) -> Iterator[Record]:
    with streams.utf_8(path, encoding, meter) as file:
        window = Window(file)
        first = window.move()
        if first == "[":
            window.go(window.at + 1)
            yield from _elements(window)
            return
        if first != "{":
            raise DataError("opening.no_json" if first else "data.empty_file")
        if path.stat().st_size > MOST_WHOLE:
            _go_to_list(window)
            yield from _elements(window)
            return
        every = _every(window)
    rows = objects.rows(every[0]) if len(every) == 1 else every
    for number, values in enumerate(rows, start=1):
        yield _record(str(number), values)


def _elements(window: Window) -> Iterator[Record]:
    """What stands between two brackets. The place is its line, with its number where several are on one."""
    number, before = 0, 0
    while window.move(BETWEEN) not in ("]", ""):
        number += 1
        line = window.line
        place = f"{line} (#{number})" if line == before or (number == 1 and window.line == 1) else str(line)
        value, end = _value(window)
        window.go(end)
        before = line
        yield _record(place, value)
    if not window.text[window.at : window.at + 1]:
        raise DataError("opening.json_ends", line=window.line)


def _record(place: str, value: Any) -> Record:
    value = _laid_out(value)
    if not isinstance(value, dict):
        return Record(place, {}, DataError("opening.no_object", line=place))
    try:
        jsonl.require_sound(place, value)
    except DataError as error:
        return Record(place, {}, error)
    return Record(place, value)


def _laid_out(value: Any) -> Any:
    """A text, or the messages of a chat, in a field of its own."""
    if isinstance(value, str):
        return {"text": value}
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        return {"messages": value}
    return value


def _every(window: Window) -> list[dict[str, Any]]:
    """The object that a file is, or all of those that stand in it one after another."""
    try:
        window.text += window.decoder.decode(window.file.read(), final=True)
    except UnicodeDecodeError as error:
        raise not_utf_8(window.text.count("\n") + 1 + error.object[: error.start].count(b"\n"), error) from error
    window.ended = True
    found: list[dict[str, Any]] = []
    while not found or window.move(BETWEEN) == "{":
        value, end = _value(window)
        window.go(end)
        found.append(value)
    if window.move():
        raise DataError("opening.bad_json", line=window.line, column=1, reason=Phrase("data.json.extra"))
    return found


def _value(window: Window) -> tuple[Any, int]:
    """(value, where it ends). DataError names the line: nobody can say where the next one would begin."""
    try:
        return jsonl.decoder(window.line).raw_decode(window.text, window.at)
    except json.JSONDecodeError as error:
        if not window.ended and error.pos >= len(window.text) - 1:
            raise DataError("data.line_too_long", line=window.line) from error
        line = window.line + window.text.count("\n", window.at, error.pos)
        reason = jsonl.bad_json(line, error).values["reason"]
        raise DataError("opening.bad_json", line=line, column=error.colno, reason=reason) from error
    except jsonl.TooManyDigitsError as error:
        raise DataError("data.too_many_digits", line=window.line) from error
    except RecursionError as error:
        raise DataError("data.too_deep", line=window.line, most=jsonl.MAX_DEPTH) from error


def _go_to_list(window: Window) -> None:
    """To the first list of objects in a big object; what stands before it is passed over."""
    window.go(window.at + 1)
    while window.move(BETWEEN) == '"':
        _, end = _value(window)
        window.go(end)
        if window.move() == ":":
            window.go(window.at + 1)
        if window.move() == "[":
            window.go(window.at + 1)
            if window.move() == "{":
                return
            window.go(window.at - 1)
        _, end = _value(window)
        window.go(end)
    raise DataError("opening.json_no_list")
