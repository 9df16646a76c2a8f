"""Workbooks, Parquet, Arrow, PDF and Word: what is read of them, and the sentence for each damaged one."""

import datetime
import struct
from pathlib import Path

import docx
import pyarrow
import pyarrow.feather
import pyarrow.parquet
import pypdf
import pytest

from backend.data.opening.files import open_file
from backend.data.opening.opened import Choices, Opened, Picture
from backend.data.opening.tables import workbook
from backend.errors import DataError
from backend.messages import LANGUAGES
from tests.workbooks import Rows, ods, xls, xlsx

ROWS: Rows = [["întrebare", "n"], ["Ce e „asta”?", 2], ["È così?", 2.5]]
READ = [{"întrebare": "Ce e „asta”?", "n": 2}, {"întrebare": "È così?", "n": 2.5}]


def values(found: Opened) -> list[dict[str, object]]:
    every = list(found.records())
    assert [str(record.fault) for record in every if record.fault] == []
    return [record.values for record in every]


def refusal(path: Path, choices: Choices | None = None) -> str:
    with pytest.raises(DataError) as caught:
        list(open_file(path, choices).records())
    for language in LANGUAGES:
        assert "{" not in caught.value.say(language)
    return str(caught.value)


@pytest.mark.parametrize("name", ["a.xlsx", "a.csv", "a"])
def test_an_excel_workbook_is_read_under_any_name(tmp_path: Path, name: str) -> None:
    found = open_file(xlsx(tmp_path / name, {"Foaia 1": ROWS}))
    assert values(found) == READ
    said = [notice.say() for notice in found.understood.notices]
    expected = (
        'This is a workbook (Excel or OpenDocument), although its name ends in ".csv". It was read as a workbook.'
    )
    assert said == ([expected] if name == "a.csv" else [])


def test_an_old_and_an_open_workbook_give_the_same_rows(tmp_path: Path) -> None:
    assert values(open_file(ods(tmp_path / "a.ods", {"Foglio": ROWS}))) == READ
    assert values(open_file(xls(tmp_path / "a.xls", "Foaie", ROWS))) == READ


def test_the_first_sheet_with_something_in_it_is_read_and_another_can_be_chosen(tmp_path: Path) -> None:
    path = xlsx(tmp_path / "a.xlsx", {"Goală": [], "Unu": ROWS, "Doi": [["text"], ["altul"]]})
    found = open_file(path)
    assert (found.understood.sheet, found.understood.sheets) == ("Unu", ("Goală", "Unu", "Doi"))
    assert [notice.key for notice in found.understood.notices] == ["opening.several_sheets"]
    assert values(open_file(path, Choices(sheet="Doi"))) == [{"text": "altul"}]
    assert refusal(path, Choices(sheet="Trei")) == 'There is no sheet "Trei". The workbook has: Goală, Unu, Doi.'


def test_empty_rows_are_passed_over_and_places_are_the_rows_of_the_sheet(tmp_path: Path) -> None:
    found = open_file(xlsx(tmp_path / "a.xlsx", {"A": [["", ""], ["text", "n"], ["", ""], ["b", ""]]}))
    assert [(record.place, record.values) for record in found.records()] == [("4", {"text": "b", "n": ""})]


def test_a_workbook_without_names_of_columns_is_told(tmp_path: Path) -> None:
    found = open_file(xlsx(tmp_path / "a.xlsx", {"A": [[1, "Ana"], [2, "Ion"]]}))
    assert [notice.key for notice in found.understood.notices] == ["opening.no_header"]
    assert values(found)[0] == {"column_1": 1, "column_2": "Ana"}


def test_faults_of_a_sheet_are_those_of_a_table(tmp_path: Path) -> None:
    found = open_file(xlsx(tmp_path / "a.xlsx", {"A": [["a", "b"], ["1", "2", "3"], ["x" * 30_000, "y"]]}))
    first, second = found.records()
    assert (str(first.fault), second.fault) == ("Line 2 has 3 values, the header has 2.", None)
    assert refusal(xlsx(tmp_path / "b.xlsx", {"A": [["a", "a"], ["1", "2"]]})).startswith('Two columns are called "a".')
    assert refusal(xlsx(tmp_path / "c.xlsx", {"A": [["a", "b"]]})) == "There are no rows under the header."
    assert refusal(xlsx(tmp_path / "d.xlsx", {"A": []})) == "No sheet of the workbook has anything in it."


def test_a_workbook_that_would_fill_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corner = '<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>x</t></is></c></row>'
    said = refusal(xlsx(tmp_path / "a.xlsx", {"A": ROWS}, extra=corner))
    assert said.startswith("The sheet reaches from its first cell to row 1048576 and column 16384.")
    monkeypatch.setattr(workbook, "MOST_UNPACKED", 8 << 20)
    said = refusal(xlsx(tmp_path / "b.xlsx", {"A": ROWS}, extra=" " * (9 << 20)))
    assert said == "Unpacked, the file would be 9 MB. The limit is 8 MB."


@pytest.mark.parametrize("make", [xlsx, ods], ids=["xlsx", "ods"])
def test_a_damaged_workbook_is_refused_wherever_it_is_cut(tmp_path: Path, make) -> None:
    whole = make(tmp_path / "whole", {"A": ROWS}).read_bytes()
    for end in range(4, len(whole), len(whole) // 12):
        path = tmp_path / "a.xlsx"
        path.write_bytes(whole[:end])
        assert refusal(path).startswith("The workbook is damaged or protected")
    old = xls(tmp_path / "a.xls", "A", ROWS)
    old.write_bytes(old.read_bytes()[:1500])
    assert refusal(old).startswith("The workbook is damaged or protected")


TABLE = pyarrow.table(
    {
        "text": ["Unu", "Due", None],
        "at": [datetime.datetime(2026, 1, 2, 3, 4), None, None],
        "turns": [[{"role": "user", "content": "Ce?"}], [], None],
        "image": [{"bytes": b"\xff\xd8\xff", "path": "a.jpg"}, None, None],
    }
)


def _parquet(path: Path) -> Path:
    pyarrow.parquet.write_table(TABLE, path, row_group_size=2)
    return path


def _arrow(path: Path) -> Path:
    with pyarrow.ipc.new_file(path, TABLE.schema) as file:
        file.write_table(TABLE)
    return path


def _stream(path: Path) -> Path:
    with pyarrow.ipc.new_stream(path, TABLE.schema) as file:
        file.write_table(TABLE, max_chunksize=1)
    return path


def _feather(path: Path) -> Path:
    pyarrow.feather.write_feather(TABLE, path)
    return path


@pytest.mark.parametrize("write", [_parquet, _arrow, _stream, _feather])
def test_columnar_files_give_the_same_rows(tmp_path: Path, write) -> None:
    found = open_file(write(tmp_path / "a.arrow"))
    assert found.understood.columns == ("text", "at", "turns", "image")
    first, second, third = values(found)
    assert first["turns"] == [{"role": "user", "content": "Ce?"}]
    assert first["at"] == "2026-01-02T03:04:00"
    assert isinstance(first["image"], Picture)
    assert (first["image"].name, first["image"].read()) == ("a.jpg", b"\xff\xd8\xff")
    assert (second["text"], third["text"]) == ("Due", None)


@pytest.mark.parametrize("write", [_parquet, _arrow, _stream])
def test_a_damaged_table_is_refused_wherever_it_is_cut(tmp_path: Path, write) -> None:
    path = write(tmp_path / "a.parquet")
    whole = path.read_bytes()
    for end in (8, len(whole) // 4, len(whole) // 2):
        path.write_bytes(whole[:end])
        assert refusal(path).startswith("The table is damaged")


def pdf(path: Path, *pages: str) -> Path:
    """A PDF with one line of text a page, written by hand."""
    objects = ["<</Type/Catalog/Pages 2 0 R>>", ""]
    kids = []
    for page in pages:
        stream = f"BT /F1 12 Tf 50 700 Td ({page}) Tj ET" if page else ""
        kids.append(f"{len(objects) + 1} 0 R")
        font = "<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>>>>>"
        objects.append(
            f"<</Type/Page/Parent 2 0 R/Contents {len(objects) + 2} 0 R/Resources{font}/MediaBox[0 0 600 800]>>"
        )
        objects.append(f"<</Length {len(stream.encode('latin-1'))}>>stream\n{stream}\nendstream")
    objects[1] = f"<</Type/Pages/Kids[{' '.join(kids)}]/Count {len(pages)}>>"
    raw, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(raw))
        raw += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    end += f"trailer<</Size {len(objects) + 1}/Root 1 0 R>>\nstartxref\n{len(raw)}\n%%EOF"
    path.write_bytes(raw + end.encode())
    return path


def test_a_pdf_gives_the_text_of_each_page(tmp_path: Path) -> None:
    found = open_file(pdf(tmp_path / "a.pdf", "Perché no?", "", "È vero."))
    assert values(found) == [{"text": "Perché no?", "page": 1}, {"text": "È vero.", "page": 3}]


def test_a_pdf_without_text_or_with_a_password_or_damaged_is_refused(tmp_path: Path) -> None:
    assert refusal(pdf(tmp_path / "a.pdf", "", "")).startswith("There is no text in this PDF, only pictures")
    writer = pypdf.PdfWriter(clone_from=pdf(tmp_path / "b.pdf", "Da"))
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(tmp_path / "c.pdf")
    assert refusal(tmp_path / "c.pdf").startswith("The PDF is protected by a password")
    (tmp_path / "d.pdf").write_bytes(b"%PDF-1.7\nnothing else")
    assert refusal(tmp_path / "d.pdf") == "The PDF is damaged. Save or download it again."


def typed_table(path: Path, rows: list[list[str]], above: str = "") -> Path:
    document = docx.Document()
    if above:
        document.add_paragraph(above)
    table = document.add_table(len(rows), len(rows[0]))
    for row, cells in zip(table.rows, rows, strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    document.save(path)
    return path


ASKED = [["Întrebare", "Răspuns"], *([f"Cât face {at} plus {at}?", f"Face {2 * at}."] for at in range(5))]


def test_questions_typed_into_a_table_of_word_are_a_table(tmp_path: Path) -> None:
    found = open_file(typed_table(tmp_path / "a.docx", ASKED, above="Clasa a doua"))
    assert found.understood.columns == ("Întrebare", "Răspuns")
    assert values(found)[1] == {"Întrebare": "Cât face 1 plus 1?", "Răspuns": "Face 2."}
    assert "(12 letters) was left out" in found.understood.notices[0].say("en")
    alone = open_file(typed_table(tmp_path / "b.docx", ASKED))
    assert alone.understood.notices[0].say("it") == "Il documento è una tabella ed è stato letto come tale."
    text = "Un text lung despre adunare. " * 40
    assert open_file(typed_table(tmp_path / "c.docx", ASKED, above=text)).understood.columns == ()
    layout = [["Nume și prenume elev", ""], ["", "Clasa"], ["x", "y"]]
    assert open_file(typed_table(tmp_path / "d.docx", layout)).understood.columns == ()


def test_a_page_that_is_a_table_is_read_as_one(tmp_path: Path) -> None:
    lines = "".join(f"<tr><td>{asked}</td><td>{answer}</td></tr>" for asked, answer in ASKED)
    page = "<!doctype html><html><body><nav>Meniu</nav><table>{}</table>{}</body></html>"
    (tmp_path / "a.html").write_text(page.format(lines, ""), encoding="utf-8")
    found = open_file(tmp_path / "a.html")
    assert found.understood.columns == ("Întrebare", "Răspuns")
    assert len(values(found)) == 5
    (tmp_path / "b.html").write_text(page.format(lines, "<p>Mult text.</p>" * 30), encoding="utf-8")
    assert open_file(tmp_path / "b.html").understood.columns == ()
    assert "Cât face 1 plus 1?" in values(open_file(tmp_path / "b.html"))[0]["text"]


def test_a_word_document_is_parted_at_its_headings(tmp_path: Path) -> None:
    document = docx.Document()
    document.add_paragraph("Introducere.")
    document.add_heading("Întâi", 1)
    document.add_paragraph("Text în față.")
    table = document.add_table(1, 2)
    table.rows[0].cells[0].text, table.rows[0].cells[1].text = "a", "b"
    document.add_heading("Apoi", 2)
    document.add_paragraph("Altul.")
    document.save(tmp_path / "a.docx")
    assert [row["text"] for row in values(open_file(tmp_path / "a.docx"))] == [
        "Introducere.", "Întâi\nText în față.\na\tb", "Apoi\nAltul.",
    ]  # fmt: skip
    docx.Document().save(tmp_path / "b.docx")
    assert refusal(tmp_path / "b.docx") == "There is no text in this file."
    (tmp_path / "c.docx").write_bytes((tmp_path / "a.docx").read_bytes()[:9000])
    assert refusal(tmp_path / "c.docx").startswith("The document is damaged or protected")


def test_a_workbook_that_asks_for_all_memory_ends_only_its_own_process(tmp_path: Path) -> None:
    """A number in the last corner of an old sheet: for that the library asks for a hundred gigabytes at once."""
    rows: list[list[str | float]] = [["text", "n"], *([f"Rândul {at}", float(at)] for at in range(9))]
    path = xls(tmp_path / "a.xls", "A", rows)
    assert len(list(open_file(path).records())) == 9
    there, far = struct.pack("<HHHHH", 0x0203, 14, 9, 1, 0), struct.pack("<HHHHH", 0x0203, 14, 65535, 65535, 0)
    assert path.read_bytes().count(there) == 1
    path.write_bytes(path.read_bytes().replace(there, far))
    with pytest.raises(DataError) as caught:
        list(open_file(path).records())
    assert caught.value.key == "opening.damaged_workbook"


def test_a_workbook_that_takes_too_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.data.opening.tables.workbook.SECONDS", 1)
    path = xlsx(tmp_path / "a.xlsx", {"A": [["n"]]}, extra="<row><c><v>1</v></c></row>" * 3_000_000)
    with pytest.raises(DataError) as caught:
        list(open_file(path).records())
    assert caught.value.key == "opening.too_long_to_read"
