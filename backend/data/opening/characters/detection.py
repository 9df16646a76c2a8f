"""Which encoding the bytes of a text are in: by marks, by zero bytes, by being UTF-8, by letters, and then by guess."""

import codecs
import re
from importlib import import_module
from pathlib import Path
from typing import Any

from backend.data.opening.characters import letters
from backend.data.opening.characters.names import EIGHT_BITS, UTF_8, UTF_16

MARKS = ((codecs.BOM_UTF8, UTF_8), (codecs.BOM_UTF16_LE, UTF_16), (codecs.BOM_UTF16_BE, UTF_16))
WHOLE_BYTES = 256 << 20
"""0.6 s of processor time for a gigabyte."""
SAMPLE, SAMPLES = 64 << 10, 64
HIGH_WANTED = 2000
"""So many letters outside ASCII decide."""
ENOUGH, FEW_WRONG = 0.5, 0.05
HIGH = re.compile(rb"[\x80-\xff]")
MULTIBYTE = re.compile(rb"[\xc3-\xf4][\x80-\xbf]{1,3}")


def of_file(path: Path, whole: int = WHOLE_BYTES) -> str:
    """The codec to read a file with: one of up to so many bytes is looked through from end to end."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(SAMPLE)
        if marked := _marked(head):
            return marked
        if size <= whole:
            file.seek(0)
            parts = iter(lambda: file.read(1 << 20), b"")
            return _settle(head, _odd_parts(parts))
        return _settle(head, [part for at in range(SAMPLES) if _odd(part := _read_at(file, at * size // SAMPLES))])


def of_bytes(raw: bytes) -> str:
    """The codec of a whole text, or of one that is cut off at its end."""
    return _marked(raw) or _settle(raw, [raw] if _odd(raw) else [])


def _read_at(file: Any, place: int) -> bytes:
    """A sample that begins at a letter: what is left of one that was cut is dropped."""
    file.seek(place)
    raw: bytes = file.read(SAMPLE)
    return re.sub(rb"\A[\x80-\xbf]{1,3}", b"", raw) if place else raw


def _marked(head: bytes) -> str:
    for mark, name in MARKS:
        if head.startswith(mark):
            return name
    return _by_zeros(head)


def _by_zeros(head: bytes) -> str:
    """UTF-16 without a mark: every other byte of most letters is zero, and no line of text has one otherwise."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = max(1, len(head) // 2)
    if odd > 0.4 * half and even < 0.05 * half:
        return "utf-16-le"
    if even > 0.4 * half and odd < 0.05 * half:
        return "utf-16-be"
    return ""


def _odd_parts(parts: Any) -> list[bytes]:
    """The parts with something that is not UTF-8, at most a few; letters cut between two parts are no fault."""
    decoder, odd = codecs.getincrementaldecoder(UTF_8)(), []
    for part in parts:
        waiting = decoder.getstate()[0]
        try:
            decoder.decode(part)
        except UnicodeDecodeError:
            odd.append(waiting + part)
            decoder.reset()
            if len(odd) >= 4:
                return odd
    waiting = decoder.getstate()[0]
    return [*odd, waiting] if waiting and not odd else odd


def _odd(raw: bytes) -> bool:
    try:
        codecs.getincrementaldecoder(UTF_8)().decode(raw)
    except UnicodeDecodeError:
        return True
    return bool(MULTIBYTE.sub(b"", raw[-4:]).strip(bytes(range(128)))) and not MULTIBYTE.search(raw)


def _settle(head: bytes, odd: list[bytes]) -> str:
    if not odd:
        return UTF_8
    raw = b"".join(odd) if len(odd[0]) > 4 else head
    if _nearly_utf_8(raw):
        return UTF_8
    return legacy(raw)


def _nearly_utf_8(raw: bytes) -> bool:
    """A text in UTF-8 with a damaged place or two, or whose last letter is cut off."""
    text = raw.decode(UTF_8, errors="replace")
    wrong = text.count("\ufffd")
    right = sum(letter > "\x7f" for letter in text) - wrong
    return right > 0 and wrong <= max(1 if right >= 3 else 0, FEW_WRONG * right)


def legacy(raw: bytes) -> str:
    """One of the eight-bit encodings: where Romanian or Italian letters fit best, else what charset-normalizer says."""
    parts = _around(raw)
    marks = {name: _score(parts, name) for name in EIGHT_BITS}
    best = max(EIGHT_BITS, key=lambda name: marks[name])
    if marks[best] >= ENOUGH:
        return best
    found = import_module("charset_normalizer").from_bytes(b"".join(parts)[:SAMPLE]).best()
    name = codecs.lookup(found.encoding).name if found is not None and found.encoding else best
    # What a detector takes for UTF-16 or -32 has no mark of it, and is none.
    return best if name.startswith("utf") or name == "ascii" or marks.get(name, -1.0) > marks[best] - 0.1 else name


def _around(raw: bytes) -> list[bytes]:
    """The places that decide, each with a few bytes around it."""
    found: list[bytes] = []
    end = 0
    for number, hit in enumerate(HIGH.finditer(raw)):
        if number >= HIGH_WANTED:
            break
        start = max(hit.start() - 2, 0)
        if start <= end and found:
            found[-1] += raw[end : hit.end() + 2]
        else:
            found.append(raw[start : hit.end() + 2])
        end = hit.end() + 2
    return found


def _score(parts: list[bytes], name: str) -> float:
    text = "\n".join(part.decode(name, errors="replace") for part in parts)
    return letters.score(text)
