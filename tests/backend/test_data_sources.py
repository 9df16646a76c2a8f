"""Texts from parquet and plain text files: what becomes a document, and the sentence for each bad file."""

import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from backend.data import datasets, rows
from backend.data.sources import plain
from backend.errors import DataError
from backend.paths import Workspace
from backend.people import HOME

LONG = "Textul acesta are ș și ț. " * 60


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace").create()


def table(path: Path, columns: dict[str, list[object]], **options: int) -> Path:
    pyarrow.parquet.write_table(pyarrow.table(columns), path, **options)
    return path


def texts(workspace: Workspace, path: Path, **how: object) -> list[str]:
    added = datasets.add(HOME, workspace, path, "texte", **how)
    assert added.shape == "text"
    return [row["text"] for row in rows.read(added.path)]


def test_a_parquet_file_gives_its_column_over_all_row_groups(workspace: Workspace, tmp_path: Path) -> None:
    wanted = [f"{at}: {LONG}" for at in range(25)]
    path = table(tmp_path / "a.parquet", {"text": wanted, "id": list(range(25))}, row_group_size=4)
    assert texts(workspace, path) == wanted


def test_another_column_is_named_and_empty_rows_are_left_out_when_asked(workspace: Workspace, tmp_path: Path) -> None:
    path = table(tmp_path / "a.parquet", {"content": ["", None, *(f"{at} {LONG}" for at in range(12))]})
    with pytest.raises(DataError, match="the text is empty"):
        datasets.add(HOME, workspace, path, "texte", field="content")
    assert len(texts(workspace, path, field="content", skip_bad=True)) == 12


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"body": ["a"], "id": [1]}, 'no column "text". It has: body, id'),
        ({"text": [1, 2]}, 'column "text" holds no text'),
    ],
)
def test_a_table_without_texts_is_refused(workspace: Workspace, tmp_path: Path, columns, sentence) -> None:
    with pytest.raises(DataError, match=sentence):
        datasets.add(HOME, workspace, table(tmp_path / "a.parquet", columns), "texte")
    assert list(workspace.datasets.iterdir()) == []


@pytest.mark.parametrize("harm", ["cut", "bytes"])
def test_a_damaged_parquet_file_is_refused(workspace: Workspace, tmp_path: Path, harm: str) -> None:
    path = table(tmp_path / "a.parquet", {"text": [f"{at} {LONG}" for at in range(100)]}, row_group_size=10)
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2] if harm == "cut" else raw[:100] + bytes(len(raw) - 600) + raw[-500:])
    with pytest.raises(DataError, match="parquet file is damaged"):
        datasets.add(HOME, workspace, path, "texte")


def test_the_field_of_a_jsonl_file_may_have_another_name(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"content": f"{at} {LONG}"}) + "\n" for at in range(12)), encoding="utf-8")
    assert len(texts(workspace, path, field="content")) == 12
    with pytest.raises(DataError, match="none of the fields"):
        datasets.add(HOME, workspace, path, "other")


def test_plain_text_is_parted_by_empty_lines(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffPrima.\r\nTot prima.\r\n\r\n\r\nA doua.\n \nA treia.\n".encode() + LONG.encode() * 8)
    found = texts(workspace, path)
    assert found[:2] == ["Prima.\nTot prima.", "A doua."]
    assert found[2].startswith("A treia.\nTextul")
    assert len(found) == 3


def test_plain_text_without_empty_lines_is_one_text_a_line(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "a.TXT"
    path.write_text("\n".join(f"{at} {LONG}" for at in range(12)), encoding="utf-8")
    assert len(texts(workspace, path)) == 12


def test_a_text_longer_than_a_line_may_be_is_cut_where_a_word_ends(tmp_path: Path) -> None:
    words = " ".join(f"cuvânt{at}" for at in range(100_000))
    found = list(plain.pieces(words))
    assert len(found) > 3
    assert max(map(len, found)) <= plain.LONGEST
    assert " ".join(found) == words
    assert list(plain.pieces("x" * (plain.LONGEST * 2 + 1))) == ["x" * plain.LONGEST] * 2 + ["x"]
    path = tmp_path / "a.txt"
    path.write_text("ș" * 3_000_000, encoding="utf-8")
    assert sum(len(row["text"]) for _, row in plain.documents(path)) == 3_000_000


def test_plain_text_that_is_not_utf_8_is_refused_or_converted(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("\n".join(f"{at} Ţară şi apă. {'x' * 900}" for at in range(14)).encode("cp1250"))
    with pytest.raises(DataError, match="not UTF-8"):
        datasets.add(HOME, workspace, path, "texte")
    assert "apă" in texts(workspace, path, convert=True)[0]
