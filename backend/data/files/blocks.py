"""Many lines of JSON at once: a file as blocks of whole lines, and those that are stored chats already, quickly.

Line by line a chat costs Python about 12 microseconds, in blocks about four. Most files of chats hold nothing
but chats in their stored form, so a block of lines is read, checked and written as one; one in which any line might be
anything else is left to the reader that knows every fault.
"""

import sys
from collections.abc import Iterator
from functools import cache
from itertools import chain, pairwise
from operator import attrgetter
from typing import Annotated, BinaryIO, Literal, NamedTuple

import msgspec

from backend.data.files.jsonl import MAX_LINE
from backend.data.shapes import BEFORE

SIZE = 1 << 16
"""Bytes: what is made of a block stays in the cache of a processor until it is written."""


class Turn(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    role: Literal["system", "user", "assistant"]
    content: Annotated[str, msgspec.Meta(min_length=1)]


class Chat(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    messages: list[Turn]


ROLE, CONTENT = attrgetter("role"), attrgetter("content")
CHATS, WRITER = msgspec.json.Decoder(Chat), msgspec.json.Encoder()


class Block(NamedTuple):
    """`first`: number of its first line, from 1; `raw`: `lines` with their ends; `end`: bytes of the file so far."""

    first: int
    raw: bytes
    lines: list[bytes]
    end: int

    @property
    def total(self) -> int:
        return len(self.lines)


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
            whole = rest + raw[:cut] if rest or cut < len(raw) else raw
            rest, lines = raw[cut:], whole.split(b"\n")
            lines.pop()
            yield Block(first, whole, lines, end - len(rest))
            first += len(lines)
        elif len(rest) <= MAX_LINE:
            rest += raw
    if rest:
        yield Block(first, rest + b"\n", [rest], end)


def _part(file: BinaryIO, most: int) -> bytes:
    """So many bytes at most, and what is missing of the last line then."""
    raw = file.read(min(SIZE, max(most, 0)))
    return raw if len(raw) < most or raw.endswith(b"\n") else raw + file.readline(SIZE)


def stored(block: Block) -> bytes | None:
    """Lines as they are stored, each with its end, where they are nothing but chats in their stored form, else None.

    As in `jsonl.quickly`, what is written again has as many colons as the lines unless a field stands twice in one.
    Where nothing is escaped, every quotation mark begins or ends a word: then it is enough to count these, in half the
    time.
    """
    raw = block.raw
    escaped = b"\\" in raw
    if (escaped and b"\\u003" in raw) or len(raw) > MAX_LINE:
        return None
    try:
        rows = list(map(CHATS.decode, block.lines))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    chats = [row.messages for row in rows]
    if not all(map(_in_turns, {tuple(map(ROLE, chat)) for chat in chats})):
        return None
    if any(map(str.isspace, map(CONTENT, chain.from_iterable(chats)))):
        return None
    written = WRITER.encode_lines(rows)
    if escaped:
        return written if written.count(b":") == raw.count(b":") else None
    marks = 2 * len(rows) + 8 * sum(map(len, chats))
    return written if raw.count(b'"') == marks else None


@cache
def _in_turns(roles: tuple[str, ...]) -> bool:
    """Whether each may follow the one before, and the answer is the last."""
    return bool(roles) and roles[-1] == "assistant" and all(a in BEFORE[b] for a, b in pairwise(("", *roles)))
