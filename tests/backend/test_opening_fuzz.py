"""Whatever bytes a file has: it is read or refused in one sentence, soon, and nothing is written beside it.

A few seconds by default; `launch.py test --all` tries for minutes.
"""

import bz2
import gzip
import io
import json
import lzma
import os
import sys
import tarfile
import time
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import docx
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from backend.data.intake import conversion
from backend.data.intake.findings import Count
from backend.data.opening.files import open_file
from backend.data.pictures.keeping import Keeper
from backend.errors import StudioError
from tests import photos
from tests.backend.test_opening_binary import pdf
from tests.workbooks import ods, xls, xlsx

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is limited on Linux only")

SECONDS = 10.0
MEMORY = 600 << 20
FEW, MANY = 25, int(os.environ.get("STUDIO_FUZZ_EXAMPLES", "2500"))
ROWS = [["întrebare", "răspuns"], *([f"Ce e {at}, oare?", f"E {at};"] for at in range(9))]
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@cache
def whole(suffix: str) -> bytes:
    """A sound file of this kind."""
    here = Path(os.environ["STUDIO_FUZZ"]) / f"whole{suffix}"
    table = pyarrow.table({"text": ["a", "ș", None], "n": [1, 2, 3]})
    plain = {
        ".csv": "\n".join(";".join(f'"{cell}"' for cell in row) for row in ROWS).encode(),
        ".tsv": "\n".join("\t".join(row) for row in ROWS).encode("utf-16"),
        ".json": json.dumps([dict(zip(ROWS[0], row, strict=True)) for row in ROWS]).encode(),
        ".jsonl": b"".join(json.dumps({"text": row[0], "n": [{"a": 1}]}).encode() + b"\n" for row in ROWS),
        ".txt": "Țară.\n\nApă și pâine.\n".encode("cp852", errors="replace"),
        ".md": b"# A\n\nb\n\n## C\n```\nd\n```\n",
        ".html": "<html><head><title>È</title></head><body><p>a<li>b<table><td>c</body>".encode("cp1252"),
    }
    if suffix in plain:
        return plain[suffix]
    if suffix in PACKED:
        return PACKED[suffix](plain[".jsonl"])
    if suffix == ".docx":
        document = docx.Document()
        document.add_heading("Unu", 1)
        document.add_paragraph("Text.")
        document.save(here)
    elif suffix == ".parquet":
        pyarrow.parquet.write_table(table, here)
    elif suffix == ".arrow":
        with pyarrow.ipc.new_stream(here, table.schema) as file:
            file.write_table(table)
    elif suffix == ".zip":
        with zipfile.ZipFile(here, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x/a.csv", plain[".csv"])
            archive.writestr("x/b.png", b"\x89PNG\r\n\x1a\n")
    elif suffix in (".tar", ".tgz"):
        with tarfile.open(here, "w:gz" if suffix == ".tgz" else "w") as archive:
            entry = tarfile.TarInfo("a.jsonl")
            entry.size = len(plain[".jsonl"])
            archive.addfile(entry, io.BytesIO(plain[".jsonl"]))
    else:
        MADE[suffix](here)
    return here.read_bytes()


MADE = {
    ".xlsx": lambda path: xlsx(path, {"A": ROWS, "B": ROWS}),
    ".ods": lambda path: ods(path, {"A": ROWS}),
    ".xls": lambda path: xls(path, "A", ROWS),
    ".pdf": lambda path: pdf(path, "Una", "Due"),
}
PACKED = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
BOOKS = (".xls", ".ods", ".xlsx")
PLAIN = [".csv", ".tsv", ".json", ".jsonl", ".txt", ".md", ".html"]
SUFFIXES = [*PLAIN, *MADE, ".docx", ".parquet", ".arrow", ".zip", ".tar", ".tgz", *PACKED]


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole.cache_clear()
    (tmp_path / "sound").mkdir()
    monkeypatch.setenv("STUDIO_FUZZ", str(tmp_path / "sound"))


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def read(folder: Path, suffix: str, content: bytes) -> None:
    """Open, recognise and convert everything; AssertionError when it takes long or leaves something."""
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    path = folder / f"fuzz{suffix}"
    path.write_bytes(content)
    before = sorted(entry.name for entry in folder.iterdir())
    begun = time.process_time()
    count, refused = Count(), list[str]()
    try:
        opened = open_file(path, scratch=scratch)
        convert = conversion.chosen(opened, None)
        for record in opened.records():
            count.take(record, convert)
        count.findings()
    except StudioError as error:
        refused = [error.say(language) for language in ("en", "ro", "it")]
    assert all(refused)
    assert time.process_time() - begun < SECONDS
    assert sorted(entry.name for entry in folder.iterdir()) == before
    assert list(scratch.iterdir()) == []


def damaged(raw: bytes, cuts: list[tuple[int, int, bytes]]) -> bytes:
    """With some places of it cut out, doubled or written over."""
    for at, length, other in cuts:
        place = at % (len(raw) + 1)
        raw = raw[:place] + other + raw[place + length :]
    return raw


CUTS = some.lists(
    some.tuples(some.integers(0, 1 << 20), some.integers(0, 40), some.binary(max_size=24)), min_size=1, max_size=6
)


def fuzz(folder: Path, suffix: str, examples: int) -> None:
    # Each of these starts processes.
    examples = examples // 4 if suffix in BOOKS else examples

    @settings(max_examples=examples, deadline=None, suppress_health_check=QUIET, database=None)
    @given(CUTS)
    def damage(cuts: list[tuple[int, int, bytes]]) -> None:
        read(folder, suffix, damaged(whole(suffix), cuts))

    @settings(max_examples=examples, deadline=None, suppress_health_check=QUIET, database=None)
    @given(some.binary(max_size=400), some.integers(0, 16))
    def anything(content: bytes, kept: int) -> None:
        read(folder, suffix, whole(suffix)[:kept] + content)

    read(folder, suffix, whole(suffix))
    before = resident() if sys.platform.startswith("linux") else 0
    damage()
    anything()
    if before:
        assert resident() - before < MEMORY


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_file_breaks_its_reader(tmp_path: Path, suffix: str) -> None:
    fuzz(tmp_path, suffix, FEW)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_file_breaks_its_reader_however_long_one_tries(tmp_path: Path, suffix: str) -> None:
    fuzz(tmp_path, suffix, MANY)


LETTERS = "\",;\t\n\r|'= aă\x00\ufeff5.{}[]:<>#-"


@settings(max_examples=150, deadline=None, suppress_health_check=QUIET, database=None)
@given(some.text(LETTERS, max_size=200), some.sampled_from(PLAIN), some.sampled_from(["utf-8", "utf-16", "cp1250"]))
def test_no_text_breaks_its_reader(tmp_path: Path, text: str, suffix: str, encoding: str) -> None:
    read(tmp_path, suffix, text.encode(encoding, errors="replace"))


FIELDS = [
    "mapping",
    "current_node",
    "message",
    "parent",
    "author",
    "role",
    "content",
    "content_type",
    "parts",
    "prompt",
    "text",
    "replies",
    "input",
    "messages",
    "data",
    "annotations",
    "result",
    "value",
    "choices",
    "fields",
    "responses",
    "patterns",
    "question",
    "stem",
    "answer",
    "answers",
    "label",
    "translation",
    "row",
    "row_idx",
    "chosen",
    "rejected",
    "conversations",
    "from",
    "image",
    "images",
    "options",
    "train",
    "weight",
    "tools",
    "completion",
    "rank",
    "segments",
    "system",
    "history",
    "context",
    "paragraphs",
    "qas",
    "videos",
    "thinking",
    "caption",
    "revision",
    "critiques",
    "score",
    "sentence1",
    "sentence2",
]
LEAVES = some.none() | some.booleans() | some.integers(-3, 3) | some.floats(-2, 2) | some.text("aă. [{1<\n", max_size=6)
VALUES = some.recursive(
    LEAVES | some.sampled_from(["user", "assistant", "a.png", "text", "0", "true"]),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=14,
)


def records(folder: Path, examples: int) -> None:
    @settings(max_examples=examples, deadline=None, suppress_health_check=QUIET, database=None)
    @given(some.lists(some.dictionaries(some.sampled_from(FIELDS), VALUES, max_size=5), min_size=1, max_size=3))
    def any_record(rows: list[dict[str, Any]]) -> None:
        read(folder, ".jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode())
        read(folder, ".json", json.dumps(rows).encode())
        read(folder, ".json", json.dumps(rows[0]).encode())

    any_record()


def test_no_record_breaks_its_recognition(tmp_path: Path) -> None:
    records(tmp_path, 120)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_no_record_breaks_its_recognition_however_long_one_tries(tmp_path: Path) -> None:
    records(tmp_path, MANY * 2)


PHOTOS = ("HEIC", "JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF")


def pictures(kind: str, examples: int) -> None:
    whole_one = photos.HEIC if kind == "HEIC" else photos.written(photos.drawn((60, 40)), kind)

    @settings(max_examples=examples, deadline=None, suppress_health_check=QUIET, database=None)
    @given(CUTS)
    def damage(cuts: list[tuple[int, int, bytes]]) -> None:
        begun, refused = time.process_time(), list[str]()
        try:
            Keeper(None).keep(damaged(whole_one, cuts), "1")
        except StudioError as error:
            refused.append(error.say("ro"))
        assert all(refused)
        assert time.process_time() - begun < SECONDS

    assert Keeper(None).keep(whole_one, "1")
    damage()


@pytest.mark.parametrize("kind", PHOTOS)
def test_no_picture_breaks_its_decoder(kind: str) -> None:
    pictures(kind, FEW)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", PHOTOS)
def test_no_picture_breaks_its_decoder_however_long_one_tries(kind: str) -> None:
    pictures(kind, MANY)
