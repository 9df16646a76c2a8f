"""Files that are not UTF-8: what they probably are, and how to make them UTF-8."""

import codecs
from pathlib import Path

from backend.errors import DataError
from backend.messages import Phrase

UTF_16 = (b"\xff\xfe", b"\xfe\xff")
ZIP = b"PK\x03\x04"
# ă, ș, ț and their capitals in cp1250 and ISO 8859-2/16; the same bytes are ã, º, þ, Ã, ª, Þ in Western European.
CENTRAL_EUROPEAN = frozenset(b"\xe3\xba\xfe\xc3\xaa\xde")
NEARBY = 24
PART = 1 << 20


def refuse_other_kinds(path: Path) -> None:
    """DataError when the first bytes show that this is no UTF-8 text at all."""
    with path.open("rb") as file:
        head = file.read(4)
    if not head:
        raise DataError("data.empty_file")
    if head.startswith(UTF_16):
        raise DataError("data.utf_16", encoding="utf-16")
    if head.startswith(ZIP):
        raise DataError("data.zip")


def not_utf_8(number: int, error: UnicodeDecodeError) -> DataError:
    """Names the first byte that is wrong and shows the word around it as it was probably meant."""
    encoding = guess(error.object)
    byte = error.object[error.start]
    around = error.object[max(0, error.start - NEARBY) : error.start + NEARBY].decode(encoding, errors="replace")
    place = min(NEARBY, error.start)
    start = max((i + 1 for i in range(place) if not around[i].isalpha()), default=0)
    end = next((i for i in range(place, len(around)) if not around[i].isalpha()), len(around))
    return DataError(
        "data.not_utf_8",
        byte=f"0x{byte:02X}",
        line=number,
        looks=Phrase(f"data.encoding.{encoding}"),
        word=around[start:end] or around[place : place + 1],
        encoding=encoding,
    )


def guess(sample: bytes) -> str:
    """cp1250 when more bytes are Romanian letters there than anything else outside ASCII, else cp1252."""
    high = [byte for byte in sample if byte >= 0x80]
    romanian = sum(byte in CENTRAL_EUROPEAN for byte in high)
    return "cp1250" if romanian * 2 > len(high) else "cp1252"


def as_utf_8(path: Path, folder: Path) -> Path:
    """The file itself when it is UTF-8, else a copy in `folder` converted from what it looks like."""
    encoding = detect(path)
    if encoding == "utf-8":
        return path
    copy = folder / f"utf-8{path.suffix}"
    # Bytes that mean nothing in that encoding become the replacement character.
    with (
        path.open(encoding=encoding, errors="replace", newline="") as source,
        copy.open("w", encoding="utf-8", newline="") as file,
    ):
        while part := source.read(PART):
            file.write(part)
    return copy


def detect(path: Path) -> str:
    """The codec to read the file with: "utf-8", "utf-16" (by its mark), else a guess from its first bad part."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        if file.read(2) in UTF_16:
            return "utf-16"
        file.seek(0)
        while part := file.read(PART):
            try:
                decoder.decode(part)
            except UnicodeDecodeError:
                return guess(part)
    return "utf-8"
