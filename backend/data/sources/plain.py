"""The texts of a plain text file: parted by empty lines, as CC-100 comes, or one to a line where there are none."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from backend.data.files.encoding import not_utf_8

LONGEST = 200_000
"""Letters of one document; a longer text is cut at a line, else at a space. As JSON it stays below 1 MB a line."""
LOOKED_AT = 1 << 20
PART = 1 << 20


def as_it_is(path: Path) -> BinaryIO:
    return path.open("rb")


def documents(path: Path, opener: Callable[[Path], BinaryIO] = as_it_is) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line from 1 at which it ends, {"text"}) of every text. DataError for a byte that is not UTF-8 in what `opener`
    gives.
    """
    parted = _is_parted(path, opener)
    waiting: list[str] = []
    size = number = 0
    for number, line in _lines(path, opener):
        if line:
            waiting.append(line)
            size += len(line)
        if waiting and (not line or not parted or size > LONGEST):
            yield from ((number, {"text": piece}) for piece in pieces("\n".join(waiting)))
            waiting, size = [], 0
    yield from ((number, {"text": piece}) for piece in pieces("\n".join(waiting)) if waiting)


def pieces(text: str) -> Iterator[str]:
    """The text, or its pieces of at most `LONGEST` letters."""
    while len(text) > LONGEST:
        at = max(text.rfind("\n", LONGEST // 2, LONGEST), text.rfind(" ", LONGEST // 2, LONGEST))
        at = at if at > 0 else LONGEST
        yield text[:at]
        text = text[at:].lstrip()
    yield text


def _is_parted(path: Path, opener: Callable[[Path], BinaryIO]) -> bool:
    with opener(path) as file:
        head = file.read(LOOKED_AT).replace(b"\r\n", b"\n").strip()
    return b"\n\n" in head


def _lines(path: Path, opener: Callable[[Path], BinaryIO]) -> Iterator[tuple[int, str]]:
    """(line from 1, text without spaces around it); a line without an end is read in parts."""
    with opener(path) as file:
        number, rest = 0, b""
        while raw := file.readline(PART):
            number += 1
            # A part may end inside of a letter: its first bytes wait for the next part.
            raw, rest = _whole(rest + raw)
            try:
                yield number, raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
            except UnicodeDecodeError as error:
                raise not_utf_8(number, error) from error
        if rest:
            try:
                rest.decode()
            except UnicodeDecodeError as error:
                raise not_utf_8(number, error) from error


def _whole(raw: bytes) -> tuple[bytes, bytes]:
    """The bytes up to the last whole letter, and those of the one that is cut off."""
    if raw.endswith(b"\n"):
        return raw, b""
    for back in range(1, min(4, len(raw) + 1)):
        first = raw[-back]
        if first & 0xC0 == 0xC0:
            length = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
            return (raw[:-back], raw[-back:]) if length > back else (raw, b"")
    return raw, b""
