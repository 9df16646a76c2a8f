"""Many lines of JSON at once: a file as blocks of whole lines, and those that are stored chats already, quickly.

Line by line a chat costs Python 12 microseconds, a third of it in calls for each line. Most files of chats hold nothing
but chats in their stored form, so a block of lines is read, checked and written as one; one in which any line might be
anything else is left to the reader that knows every fault.
"""

import sys
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import orjson

from backend.data.files.jsonl import MAX_LINE
from backend.data.shapes import is_stored

SIZE = 1 << 16
"""Bytes: what is made of a block stays in the cache of a processor until it is written."""
MESSAGES = "messages"


class Block(NamedTuple):
    """`first`: the number of its first line, from 1; `lines`: without their ends; `end`: bytes of the file so far."""

    first: int
    lines: list[bytes]
    end: int

    @property
    def total(self) -> int:
        return len(self.lines)

    @property
    def raw(self) -> bytes:
        """Each line with its end."""
        return b"\n".join([*self.lines, b""])


class Chats(NamedTuple):
    """A block of which each line is a chat: `raw` is how so many are stored."""

    first: int
    raw: bytes
    total: int
    end: int


def of(file: BinaryIO, first: int = 1, start: int = 0, stop: int = sys.maxsize) -> Iterator[Block]:
    """The lines from the byte `start` on, the `first` of the file that begins there, as far as they begin before
    `stop`. Of a line that is too long for one, only so much as shows that.
    """
    file.seek(start)
    end, rest = start, b""
    while (end < stop or rest) and (raw := _part(file, stop - end)):
        end += len(raw)
        cut = raw.rfind(b"\n") + 1
        if cut:
            lines = (rest + raw[: cut - 1]).split(b"\n")
            rest = raw[cut:]
            yield Block(first, lines, end - len(rest))
            first += len(lines)
        elif len(rest) <= MAX_LINE:
            rest += raw
    if rest:
        yield Block(first, [rest], end)


def _part(file: BinaryIO, most: int) -> bytes:
    """So many bytes at most, and what is missing of the last line then."""
    raw = file.read(min(SIZE, max(most, 0)))
    return raw if len(raw) < most or raw.endswith(b"\n") else raw + file.readline(SIZE)


def stored(lines: list[bytes]) -> bytes | None:
    """Lines as they are stored, each with its end, where they are nothing but chats in their stored form, else None.

    Each line becomes a list of its own, so that no two make one object and each is one. As in `jsonl.quickly`, what is
    written again has as many colons as the lines unless a field stands twice in one. Where nothing is escaped, every
    quotation mark begins or ends a word: then it is enough to count these, in half the time.
    """
    raw = b"],[".join(lines)
    escaped = b"\\" in raw
    if (escaped and b"\\u003" in raw) or max(map(len, lines)) > MAX_LINE:
        return None
    try:
        rows = [row for (row,) in orjson.loads(b"[[%b]]" % raw)]
    except ValueError:
        return None
    if len(rows) != len(lines) or not all(map(_is_chat, rows)):
        return None
    written = b"".join([orjson.dumps(row, None, orjson.OPT_APPEND_NEWLINE) for row in rows])
    if escaped:
        return written if written.count(b":") == raw.count(b":") else None
    marks = sum([2 + 8 * len(row[MESSAGES]) for row in rows])
    return written if raw.count(b'"') == marks else None


def _is_chat(row: Any) -> bool:
    return type(row) is dict and len(row) == 1 and MESSAGES in row and is_stored(row[MESSAGES])
