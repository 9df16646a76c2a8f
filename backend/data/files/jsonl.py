"""One JSON object per line, read strictly: never more than one line in memory, every fault named.

orjson reads ten times as fast as Python's own parser, but takes the last of two fields of one name, turns long numbers
into decimal ones, and says less about a fault. So it reads first, and every line on which the two might differ is read
again by the strict one.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from backend.errors import DataError
from backend.messages import Phrase

MAX_LINE = 1_000_000
MAX_DEPTH = 50
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
REASONS = {
    "Expecting value": "value",
    "Expecting ',' delimiter": "comma",
    "Expecting ':' delimiter": "colon",
    "Expecting property name enclosed in double quotes": "name",
    "Illegal trailing comma before end of object": "trailing",
    "Illegal trailing comma before end of array": "trailing",
    "Unterminated string starting at": "unterminated",
    "Invalid control character at": "control",
    "Extra data": "extra",
}


class TooManyDigitsError(ValueError):
    """Python reads whole numbers of at most 4,300 digits."""


def lines(path: Path) -> Iterator[tuple[int, bytes | None]]:
    """(line number from 1, bytes without the line end) of every line that is not blank; None for one over 1 MB."""
    with path.open("rb") as file:
        yield from lines_of(file)


def lines_of(file: BinaryIO, first: int = 1) -> Iterator[tuple[int, bytes | None]]:
    """As `lines`, of a file that is open already, or of a piece of one that begins with its line `first`."""
    number = first - 1
    while raw := file.readline(MAX_LINE + 2):
        number += 1
        whole = raw.removeprefix(BYTE_ORDER_MARK) if number == 1 else raw
        line = whole.rstrip(b"\r\n")
        if len(line) > MAX_LINE:
            while raw and not raw.endswith(b"\n"):
                raw = file.readline(MAX_LINE)
            yield number, None
        elif line.strip():
            yield number, line


def parse(number: int, line: bytes | None) -> dict[str, Any]:
    """The object in one line; DataError names the line and the fault, UnicodeDecodeError when it is not UTF-8."""
    if line is None:
        raise DataError("data.line_too_long", line=number)
    return quickly(line) or strictly(number, line)


def quickly(line: bytes) -> dict[str, Any] | None:
    """The object in one line where both parsers surely read the same; None for every other line.

    Of two fields with one name only one is left, so that what is written again has fewer colons than the line; a colon
    may also be written as an escape.
    """
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if type(row) is not dict or b"\\u003" in line or _is_odd(row):
        return None
    if orjson.dumps(row).count(b":") != line.count(b":"):
        return None
    return row


def strictly(number: int, line: bytes) -> dict[str, Any]:
    """As `parse`, by Python's own parser."""
    text = line.decode("utf-8")
    row = _loads(number, text)
    if not isinstance(row, dict):
        raise DataError("data.json_list" if isinstance(row, list) else "data.not_object", line=number)
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth(row) > MAX_DEPTH:
        raise DataError("data.too_deep", line=number, most=MAX_DEPTH)
    if "\\u" in text:
        _refuse_broken_characters(number, row)
    return row


def decoder(place: int | str) -> json.JSONDecoder:
    """Python's parser, which refuses two fields of one name and what is no number. DataError names the place; a number
    of too many digits is a TooManyDigitsError.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            raise DataError("data.field_twice", line=place, field=next(n for n in names if names.count(n) > 1))
        return found

    def no_constant(word: str) -> Any:
        raise DataError("data.not_a_number", line=place, word=word)

    return json.JSONDecoder(object_pairs_hook=unique, parse_constant=no_constant, parse_int=_whole_number)


def require_sound(place: int | str, row: dict[str, Any]) -> None:
    """DataError for a row that is nested too deeply or has a letter that cannot be written."""
    try:
        written = orjson.dumps(row)
    except (orjson.JSONEncodeError, RecursionError):
        written = b"[" * (MAX_DEPTH + 1)
        _refuse_broken_characters(place, row)
    if written.count(b"[") + written.count(b"{") > MAX_DEPTH and _depth(row) > MAX_DEPTH:
        raise DataError("data.too_deep", line=place, most=MAX_DEPTH)


def _loads(number: int, text: str) -> Any:
    if text.startswith("\ufeff"):
        raise bad_json(number, json.JSONDecodeError("Expecting value", text, 0))
    try:
        return decoder(number).decode(text)
    except json.JSONDecodeError as error:
        if text.strip() == "[":
            raise DataError("data.json_list", line=number) from error
        raise bad_json(number, error) from error
    except TooManyDigitsError as error:
        raise DataError("data.too_many_digits", line=number) from error
    except RecursionError as error:
        raise DataError("data.too_deep", line=number, most=MAX_DEPTH) from error


def _whole_number(digits: str) -> int:
    try:
        return int(digits)
    except ValueError as error:
        raise TooManyDigitsError from error


def bad_json(number: int, error: json.JSONDecodeError) -> DataError:
    """What Python's parser said, in the reader's language; how many lines are affected is filled in by the caller."""
    reason = REASONS.get(error.msg, "escape" if error.msg.startswith("Invalid \\") else "other")
    column = error.colno
    return DataError("data.bad_json", line=number, column=column, reason=Phrase(f"data.json.{reason}"))


def _is_odd(value: Any, levels: int = MAX_DEPTH - 2) -> bool:
    """Whether a number in it is a decimal one, or was made one because it is too long; or it has more levels."""
    for child in value.values() if type(value) is dict else value:
        kind = type(child)
        if kind is str:
            continue
        if kind is float or ((kind is dict or kind is list) and (not levels or _is_odd(child, levels - 1))):
            return True
    return False


def _depth(value: Any) -> int:
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        here, level = waiting.pop()
        if isinstance(here, dict | list):
            deepest = max(deepest, level)
            waiting.extend((child, level + 1) for child in (here.values() if isinstance(here, dict) else here))
    return deepest


def _refuse_broken_characters(place: int | str, row: dict[str, Any]) -> None:
    try:
        json.dumps(row, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        code = f"U+{ord(error.object[error.start]):04X}"
        raise DataError("data.broken_character", line=place, code=code) from error
