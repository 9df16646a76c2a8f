"""Tables and lists as people really keep them: titles above a table, columns without a name, lists inside of lists."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from backend.data.intake import conversion
from backend.data.intake.findings import Count
from backend.data.opening.files import open_file
from backend.data.opening.opened import Choices, Opened
from backend.data.pictures.keeping import Keeper
from backend.errors import DataError
from backend.messages import LANGUAGES
from tests import photos
from tests.backend.test_bad_input import found as checked
from tests.workbooks import ods, xlsx

PAIRS = [
    ["Unde se varsă Dunărea?", "În Marea Neagră."],
    ["Ce latră?", "Câinele latră."],
    ["Cât e ceasul?", "E târziu."],
]
ROWS = [dict(zip(("question", "answer"), pair, strict=True)) for pair in PAIRS]
HEADER = ["Întrebare", "Răspuns"]


def said(opened: Opened) -> list[dict[str, Any]]:
    records = list(opened.records())
    assert [record.fault for record in records if record.fault] == []
    return [record.values for record in records]


def notices(opened: Opened) -> list[str]:
    return [notice.key for notice in opened.understood.notices]


def book(folder: Path, rows: list[list[str | float]]) -> Opened:
    return open_file(xlsx(folder / "a.xlsx", {"A": rows}))


def text(folder: Path, rows: list[list[str]]) -> Opened:
    (folder / "a.csv").write_text("".join(";".join(row) + "\n" for row in rows), encoding="utf-8")
    return open_file(folder / "a.csv")


ABOVE: dict[str, list[list[str]]] = {
    "a title": [["Catalog 2024"]],
    "a title with empty cells": [["Catalog 2024", ""], ["", ""]],
    "a title and a note": [["Catalog 2024"], ["Clasa a V-a"]],
}


@pytest.mark.parametrize("above", ABOVE)
def test_what_stands_above_a_table_is_no_row_and_that_is_said(tmp_path: Path, above: str) -> None:
    rows = [*ABOVE[above], HEADER, *PAIRS]
    for opened in (book(tmp_path, [list(row) for row in rows]), text(tmp_path, rows)):
        assert opened.understood.columns == tuple(HEADER)
        assert notices(opened) == ["opening.titles"]
        assert [list(row.values()) for row in said(opened)] == PAIRS
        for language in LANGUAGES:
            assert "{" not in opened.understood.notices[0].say(language)


def test_names_over_several_columns_are_no_names_of_columns(tmp_path: Path) -> None:
    rows: list[list[str | float]] = [
        ["Conținut", "", "", ""],
        [*HEADER, "Autor", "An"],
        *([*one, "Ana", 1.0] for one in PAIRS),
    ]
    assert book(tmp_path, rows).understood.columns == (*HEADER, "Autor", "An")


@pytest.mark.parametrize(
    "rows", [[HEADER, *PAIRS], [HEADER, ["Ce latră?", ""], *PAIRS], [["text"], ["Unu."], ["Doi."]]]
)
def test_a_table_that_begins_with_its_header_loses_nothing(tmp_path: Path, rows: list[list[str]]) -> None:
    opened = text(tmp_path, rows)
    assert (opened.understood.columns, notices(opened)) == (tuple(rows[0]), [])
    assert len(said(opened)) == len(rows) - 1


def test_a_column_without_a_name_that_is_empty_or_counts_is_no_trouble(tmp_path: Path) -> None:
    counted = text(tmp_path, [["", *HEADER], *([str(at), *pair] for at, pair in enumerate(PAIRS))])
    assert counted.understood.columns == ("column_1", *HEADER)
    empty = book(tmp_path, [["Întrebare", "", "Răspuns"], *([one, "", other] for one, other in PAIRS)])
    assert empty.understood.columns == ("Întrebare", "column_2", "Răspuns")
    assert len(said(empty)) == len(PAIRS)


def test_sentences_in_the_first_row_are_no_names(tmp_path: Path) -> None:
    opened = text(tmp_path, PAIRS)
    assert (opened.understood.header, notices(opened)) == (False, ["opening.no_header"])
    assert len(said(opened)) == len(PAIRS)


def test_a_choice_about_the_header_wins(tmp_path: Path) -> None:
    text(tmp_path, [["Catalog"], HEADER, *PAIRS])
    opened = open_file(tmp_path / "a.csv", Choices(header=False))
    assert opened.understood.columns[0] == "column_1"
    assert notices(opened) == []


def test_a_sheet_with_a_table_comes_before_a_sheet_with_a_note(tmp_path: Path) -> None:
    sheets: dict[str, list[list[str | float]]] = {
        "Citește": [["Cum se completează"]],
        "Date": [[*HEADER], *map(list, PAIRS)],
    }
    for opened in (open_file(xlsx(tmp_path / "a.xlsx", sheets)), open_file(ods(tmp_path / "a.ods", sheets))):
        assert (opened.understood.sheet, notices(opened)) == ("Date", ["opening.several_sheets"])


@pytest.mark.parametrize(
    "content",
    [
        "".join(json.dumps(row, indent=1) for row in ROWS),
        "\n".join(json.dumps(row, indent=1) + "," for row in ROWS),
        json.dumps({"dataset": {"version": 1, "train": ROWS}}),
        json.dumps({"train": ROWS[:1], "test": ROWS[1:]}),
        json.dumps({name: {str(at): row[name] for at, row in enumerate(ROWS)} for name in ROWS[0]}),
    ],
    ids=["one after another", "with commas", "inside", "in parts", "columns of pandas"],
)
def test_json_of_other_makes_gives_the_same_rows(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content, encoding="utf-8")
    assert said(open_file(tmp_path / "a.json")) == ROWS


def test_a_list_of_texts_and_a_list_of_chats_have_a_field_of_their_own(tmp_path: Path) -> None:
    chat = [{"role": "user", "content": "Ce latră?"}, {"role": "assistant", "content": "Câinele."}]
    (tmp_path / "a.json").write_text(json.dumps(["Unu.", chat]), encoding="utf-8")
    assert said(open_file(tmp_path / "a.json")) == [{"text": "Unu."}, {"messages": chat}]


def zipped(path: Path, files: dict[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_a_table_of_other_columns_in_an_archive_is_named(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.csv": "q,r\nCe?,Asta.\n", "b.csv": "text,label\nUnu,a\n"})
    with pytest.raises(DataError) as caught:
        list(open_file(path).records())
    assert caught.value.key == "opening.other_columns"
    for language in LANGUAGES:
        assert all(word in caught.value.say(language) for word in ("b.csv", "text, label", "q, r"))


OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000)
ODT = b"application/vnd.oasis.opendocument.text"
REFUSED: dict[str, tuple[bytes | dict[str, str | bytes], str]] = {
    "a.rtf": (rb"{\rtf1\ansi Bun\'e3 ziua.}", "RTF"),
    "a.doc": (OLD, "Word 97"),
    "b.bin": (OLD + "WordDocument".encode("utf-16-le"), "Word 97"),
    "a.pages": ({"Index/Document.iwa": b"x", "preview.jpg": b"x"}, "Pages"),
    "a.odt": ({"mimetype": ODT, "content.xml": "<a/>"}, "OpenDocument"),
    "a.mp4": (b"\0\0\0\x18ftypmp42" + bytes(600), "video"),
    "a.MOV": (b"\0\0\0\x14ftypqt  " + bytes(600), "video"),
    "a.mp3": (b"ID3\x03" + bytes(600), "sound"),
    "a.wav": (b"RIFF\0\0\0\0WAVEfmt " + bytes(600), "sound"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_opened_is_called_by_its_name(tmp_path: Path, name: str) -> None:
    content, word = REFUSED[name]
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        zipped(path, content)
    with pytest.raises(DataError, match=word) as caught:
        open_file(path)
    for language in LANGUAGES:
        assert "{" not in caught.value.say(language)


def test_photos_without_a_word_are_told_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    for at in range(3):
        (tmp_path / "x" / f"IMG_{at}.JPG").write_bytes(photos.written(photos.drawn((40 + at, 30)), "JPEG"))
    (tmp_path / "x" / "IMG_0.MOV").write_bytes(b"\0\0\0\x14ftypqt  ")
    assert [finding.code for finding in checked(tmp_path / "x")] == ["opening.left_out", "mapping.missing_caption"]


def test_pictures_with_the_same_caption_are_not_the_same_row(tmp_path: Path) -> None:
    for at in range(4):
        place = tmp_path / "x" / ("pisici" if at % 2 else "câini") / f"{at}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(photos.written(photos.drawn((40 + at, 30))))
    opened, count = open_file(tmp_path / "x"), Count()
    convert = conversion.chosen(opened, None, Keeper(None).keep)
    rows = [row for record in opened.records() for row in count.take(record, convert)]
    assert len({row["image"] for row in rows}) == 4
