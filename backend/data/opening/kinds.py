"""What a file is: by its first bytes, then by what it looks like, and by its name only where both leave it open."""

import csv
import re
import tarfile
import zipfile
import zlib
from pathlib import Path

from backend.data.opening.characters import detection, streams
from backend.data.opening.opened import Kind
from backend.data.opening.written import table_shape
from backend.errors import DataError

HEAD = 1 << 16
FEWEST_ROWS = 3  # of what has no name, for a table
ZIP, OLD_OFFICE = (b"PK\x03\x04", b"PK\x05\x06"), b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")
OTHER_ARCHIVES = {b"Rar!\x1a\x07": "RAR", b"7z\xbc\xaf\x27\x1c": "7z", b"\x28\xb5\x2f\xfd": "Zstandard"}
MARKS: tuple[tuple[bytes, Kind], ...] = (
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
    (b"FEA1", "arrow"),
    (b"\xff\xff\xff\xff", "arrow"),
    (b"%PDF-", "pdf"),
    (b"\x89PNG\r\n\x1a\n", "pictures"),
    (b"\xff\xd8\xff", "pictures"),
    (b"GIF8", "pictures"),
    (b"II*\x00", "pictures"),
    (b"MM\x00*", "pictures"),
)
MEDIA = (b"ID3", b"OggS", b"fLaC", b"\x1aE\xdf\xa3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf1")
OLD_WORD = "WordDocument".encode("utf-16-le")
HEIC = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif")
PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".gif", ".bmp", ".tif", ".tiff", ".avif"})
BY_NAME: dict[str, Kind] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".xlsx": "workbook",
    ".xlsm": "workbook",
    ".xlsb": "workbook",
    ".xls": "workbook",
    ".ods": "workbook",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".txt": "text",
    ".text": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
    ".docx": "docx",
    ".zip": "archive",
    ".tar": "archive",
    ".tgz": "archive",
    ".gz": "archive",
    ".bz2": "archive",
    ".xz": "archive",
    **dict.fromkeys(PICTURES, "pictures"),
}
TEXTS: frozenset[Kind] = frozenset({"csv", "json", "jsonl", "text", "markdown", "html"})
STRANGE = re.compile(r"[\x00\x03-\x08\x0b\x0e-\x19\x1c-\x1e]")
HTML = re.compile(r"\s*(<!--.*?-->\s*)?<(!doctype html|html|head|body)\b", re.IGNORECASE | re.DOTALL)


def by_name(name: str) -> Kind | None:
    """What a file with this name says it is; None when its name says nothing."""
    return BY_NAME.get(Path(name).suffix.lower())


def of(path: Path) -> Kind:
    """What the file is. DataError when it is empty, of a kind that nothing can be read from, or no known one."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        raise DataError("data.empty_file")
    found = _by_marks(path, head)
    return found or _by_looks(path, head)


def _by_marks(path: Path, head: bytes) -> Kind | None:
    for mark, name in OTHER_ARCHIVES.items():
        if head.startswith(mark):
            raise DataError("opening.other_archive", kind=name)
    if head.startswith(ZIP):
        return _of_zip(path)
    _refuse_others(path, head)
    if head.startswith(OLD_OFFICE):
        return "workbook"
    if head.startswith(PACKED) or head[257:262] == b"ustar" or _is_old_tar(path):
        return "archive"
    if (head[4:8] == b"ftyp" and head[8:12] in HEIC) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return "pictures"
    return next((kind for mark, kind in MARKS if head.startswith(mark)), None)


def _refuse_others(path: Path, head: bytes) -> None:
    """DataError for documents of kinds that nothing here opens, and for what is seen or heard."""
    if head.startswith(b"{\\rtf"):
        raise DataError("opening.other_document", kind="RTF")
    if head.startswith(OLD_OFFICE) and (path.suffix.lower() == ".doc" or OLD_WORD in head):
        raise DataError("opening.other_document", kind="Word 97 (.doc)")
    film = head[4:8] == b"ftyp" and head[8:12] not in HEIC
    sound = head[:4] == b"RIFF" and head[8:12] in (b"WAVE", b"AVI ")
    if film or sound or head.startswith(MEDIA):
        raise DataError("opening.media")


def _is_old_tar(path: Path) -> bool:
    """A tar without the mark of newer ones, by the sum at its head."""
    if path.suffix.lower() != ".tar":
        return False
    try:
        return tarfile.is_tarfile(path)
    except OSError:
        return False


def _of_zip(path: Path) -> Kind:
    """Workbooks and documents are ZIP archives too; a broken one is opened by whoever says what is wrong with it."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            mime = archive.read("mimetype") if "mimetype" in names else b""
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError, RuntimeError, EOFError, zlib.error):
        named = by_name(path.name)
        return named if named == "workbook" or named == "docx" else "archive"
    if "[Content_Types].xml" in names:
        if any(name.startswith("word/") for name in names):
            return "docx"
        if any(name.startswith("xl/") for name in names):
            return "workbook"
        raise DataError("opening.other_office")
    if any(name.endswith(".iwa") for name in names):
        raise DataError("opening.other_document", kind="Apple (Pages, Numbers, Keynote)")
    if mime and "content.xml" in names:
        if b"spreadsheet" not in mime:
            raise DataError("opening.other_document", kind="OpenDocument")
        return "workbook"
    return "archive"


def _by_looks(path: Path, head: bytes) -> Kind:
    encoding = detection.of_bytes(head)
    with streams.utf_8(path, encoding) as file:
        text = file.read(HEAD).decode("utf-8-sig", errors="replace")
    named = by_name(path.name)
    _require_text(text, head, named)
    start = text.lstrip()
    if start[:1] in ("{", "[") and named not in ("text", "markdown", "csv"):
        return _json(start, path.suffix.lower())
    if HTML.match(text):
        return "html"
    if named is None or named == "text" or named not in TEXTS:
        return "csv" if _is_parted(text, "\t") or (named is None and _is_table(text)) else "text"
    return named


def _require_text(text: str, head: bytes, named: Kind | None) -> None:
    """A table with a NUL in it is looked at line by line; what is full of them is no text."""
    if len(STRANGE.findall(text)) <= max(2, len(text) // 100):
        return
    if named in ("workbook", "docx", "parquet", "arrow", "pdf", "archive", "pictures"):
        raise DataError("opening.damaged")
    raise DataError("opening.unknown_kind")


def _json(start: str, suffix: str) -> Kind:
    """One object to a line, or one list or object in the whole file."""
    if suffix in (".jsonl", ".ndjson"):
        return "json" if start.startswith("[") else "jsonl"
    first, _, rest = start.partition("\n")
    if start.startswith("{") and first.rstrip().endswith("}") and (suffix != ".json" or rest.lstrip().startswith("{")):
        return "jsonl"
    return "json"


def _is_parted(text: str, separator: str) -> bool:
    """A table that was saved as text: every line of its beginning has the same number of separators, at least one."""
    rows = _parted(text, separator)
    return len(rows) > 1 and len({len(row) for row in rows}) == 1 and len(rows[0]) > 1


def _parted(text: str, separator: str) -> list[list[str]]:
    """The rows of the beginning; none where they cannot be parted so."""
    lines = [line for line in text.split("\n")[:30] if line.strip()]
    lines = lines[:-1] if len(text) >= HEAD // 2 and len(lines) > 1 else lines
    try:
        return list(csv.reader(lines, delimiter=separator))
    except csv.Error:
        return []


def _is_table(text: str) -> bool:
    """What was pasted looks like a table: columns with names, and no sign of sentences between those."""
    for separator in (";", "|", ","):
        if _is_parted(text, separator):
            rows = _parted(text, separator)
            spaced = separator != "|" and any(cell.startswith(" ") for cell in rows[0])
            if len(rows) >= FEWEST_ROWS and not spaced and table_shape.has_header(rows):
                return True
    return False
