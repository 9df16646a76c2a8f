"""Many lines of JSON at once: a file as blocks of whole lines, and those that are stored chats already, quickly.

Line by line a chat costs Python 12 microseconds, a third of it in calls for each line. Most files of chats hold nothing
but chats in their stored form, so a block of lines is read, checked and written as one; one in which any line might be
anything else is left to the reader that knows every fault.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import orjson

from backend.data.files.jsonl import MAX_LINE
from backend.data.shapes import is_stored

SIZE = 1 << 18
MESSAGES = "messages"


class Block(NamedTuple):
    """`first`: the number of its first line, from 1; `raw`: whole lines, each with its end; `end`: bytes of the file up
    to here.
    """

    first: int
    raw: bytes
    end: int


def of(file: BinaryIO, border: int = 0) -> Iterator[Block]:
    """The file from its beginning. Of a line that is too long for one, only so much as shows that. One block ends at
    the `border`, where a line does.
    """
    first, end, rest = 1, 0, b""
    while raw := file.read(min(SIZE, border - end) if end < border else SIZE):
        end += len(raw)
        cut = raw.rfind(b"\n") + 1
        if cut:
            block, rest = rest + raw[:cut], raw[cut:]
            yield Block(first, block, end - len(rest))
            first += block.count(b"\n")
        elif len(rest) <= MAX_LINE:
            rest += raw
    if rest:
        yield Block(first, rest + b"\n", end)


def stored(block: bytes) -> tuple[bytes, int] | None:
    """(the lines as they are stored, how many) of a block of nothing but chats in their stored form, else None.

    As in `jsonl.quickly`, what is written again has as many colons as the lines unless a field stands twice in one.
    """
    lines = block.split(b"\n")
    lines.pop()
    if b"\\u003" in block or max(map(len, lines)) > MAX_LINE:
        return None
    try:
        rows = list(map(orjson.loads, lines))
    except orjson.JSONDecodeError:
        return None
    if not all(map(_is_chat, rows)):
        return None
    raw = b"".join([orjson.dumps(row, None, orjson.OPT_APPEND_NEWLINE) for row in rows])
    return (raw, len(rows)) if raw.count(b":") == block.count(b":") else None


def _is_chat(row: Any) -> bool:
    return type(row) is dict and len(row) == 1 and MESSAGES in row and is_stored(row[MESSAGES])
