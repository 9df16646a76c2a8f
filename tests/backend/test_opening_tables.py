"""Tables, JSON and texts that people bring: what is understood, and the sentence for each fault."""

import json
import tracemalloc
from pathlib import Path

import pytest

from backend.data.opening import kinds
from backend.data.opening.files import open_file
from backend.data.opening.opened import Choices, Opened, Record
from backend.errors import AccessError, DataError
from backend.messages import LANGUAGES


def opened(folder: Path, name: str, content: str | bytes, choices: Choices | None = None) -> Opened:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return open_file(path, choices)


def values(found: Opened) -> list[dict[str, object]]:
    every = list(found.records())
    assert [str(record.fault) for record in every if record.fault] == []
    return [record.values for record in every]


def faults(found: Opened) -> list[str]:
    said = [record.fault for record in found.records() if record.fault]
    for fault in said:
        for language in LANGUAGES:
            assert "{" not in fault.say(language)
    return [str(fault) for fault in said]


def notices(found: Opened) -> list[str]:
    for notice in found.understood.notices:
        for language in LANGUAGES:
            assert "{" not in notice.say(language)
    return [notice.key for notice in found.understood.notices]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", "^", "~", "\x1f"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_the_separator_is_found(tmp_path: Path, separator: str, name: str) -> None:
    lines = [
        ("testo", "etichetta"),
        ("Ciao, come va?", "saluto"),
        ("Costa 3,50; circa", "prezzo"),
        ("Ore 10:30", "ora"),
    ]
    text = "\n".join(separator.join(f'"{cell}"' for cell in line) for line in lines)
    found = opened(tmp_path, name, text)
    assert (found.understood.separator, found.understood.columns) == (separator, ("testo", "etichetta"))
    assert values(found)[1] == {"testo": "Costa 3,50; circa", "etichetta": "prezzo"}


def test_an_italian_table_without_quotes_has_two_columns_and_not_one(tmp_path: Path) -> None:
    found = opened(
        tmp_path, "a.csv", "testo;etichetta\r\nCosta 3,50 al chilo;prezzo\r\nCiao, a tutti, ragazzi;saluto\r\n"
    )
    assert values(found)[0] == {"testo": "Costa 3,50 al chilo", "etichetta": "prezzo"}


def test_one_column_of_texts_stays_one_column(tmp_path: Path) -> None:
    found = opened(tmp_path, "a.csv", "text\nCiao, come va\nBene, grazie; e tu\nOk\n")
    assert [row["text"] for row in values(found)] == ["Ciao, come va", "Bene, grazie; e tu", "Ok"]
    found = opened(tmp_path, "b.csv", 'text\n"Ciao, come va"\n"Bene, grazie"\n')
    assert [row["text"] for row in values(found)] == ["Ciao, come va", "Bene, grazie"]


def test_excels_own_line_about_the_separator_is_no_row(tmp_path: Path) -> None:
    found = opened(tmp_path, "a.csv", "sep=;\r\na;b\r\n1,5;2,5\r\n")
    assert values(found) == [{"a": "1,5", "b": "2,5"}]


def test_values_over_several_lines_doubled_quotes_and_single_quotes(tmp_path: Path) -> None:
    assert values(opened(tmp_path, "a.csv", 'a,b\n"una\nriga","due ""parole"""\n')) == [
        {"a": "una\nriga", "b": 'due "parole"'}
    ]
    found = opened(tmp_path, "b.csv", "'a','b'\n'x, y','z'\n'v','w, u'\n")
    assert values(found) == [{"a": "x, y", "b": "z"}, {"a": "v", "b": "w, u"}]


def test_a_choice_wins_over_what_was_found(tmp_path: Path) -> None:
    found = opened(tmp_path, "a.csv", "a,b;c\n1,2;3\n", Choices(separator=";", header=False))
    assert values(found) == [{"column_1": "a,b", "column_2": "c"}, {"column_1": "1,2", "column_2": "3"}]


def test_a_table_without_names_of_columns_is_told(tmp_path: Path) -> None:
    found = opened(tmp_path, "a.csv", "1,Ana are mere\n2,Ion are pere\n")
    assert notices(found) == ["opening.no_header"]
    assert values(found)[0] == {"column_1": "1", "column_2": "Ana are mere"}


def test_empty_columns_at_the_right_edge_are_left_out(tmp_path: Path) -> None:
    assert values(opened(tmp_path, "a.csv", "a;b;;\n1;2;;\n3;4;;\n")) == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]


FAULTS = [
    ('a,b\n"x,1\ny,2\nz,3\n', ['Line 2 opens a quote (") that never closes.']),
    ('a,b\n"x,1\ny,2\n"z",3\n', ['Line 2 opens a quote (") that never closes.']),
    ("a,b\n1,2,3\n4,5\n", ["Line 2 has 3 values, the header has 2."]),
    ("a,b\n1\n4,5\n", ["Line 2 has 1 values, the header has 2."]),
    ("a,b\n1,x\x00y\n4,5\n", ["Line 2 contains a NUL character. Is this really a text file?"]),
    ("a,b\n" + "x" * 120_000 + ",1\n4,5\n", ['Line 2, column "a": longer than 100000 characters.']),
    ("a,b\n1," + "x" * 300_000 + "\n4,5\n", ['Line 2, column "b": longer than 100000 characters.']),
    ("a,b\n" + "x" * 3_000_000 + ",1\n4,5\n", ["Line 2 is longer than 1 MB."]),
]


@pytest.mark.parametrize(("content", "expected"), FAULTS, ids=[said[0][:40] for _, said in FAULTS])
def test_a_faulty_row_is_named_and_the_next_one_is_read(tmp_path: Path, content: str, expected: list[str]) -> None:
    found = opened(tmp_path, "a.csv", content)
    assert faults(found) == expected
    good = [record.values for record in found.records() if not record.fault]
    last = content.splitlines()[-1].replace('"', "").split(",")
    assert good[-1] == {"a": last[0], "b": last[1]}


REFUSED = [
    ("a,b,a\n1,2,3\n", 'Two columns are called "a". Give each column a name of its own.'),
    ("a,b\n", "There are no rows under the header."),
    ("", "The file is empty."),
]


@pytest.mark.parametrize(("content", "sentence"), REFUSED, ids=[said[:30] for _, said in REFUSED])
def test_a_table_that_cannot_be_read_is_refused(tmp_path: Path, content: str, sentence: str) -> None:
    with pytest.raises(DataError) as caught:
        list(opened(tmp_path, "a.csv", content).records())
    assert str(caught.value) == sentence


def test_a_formula_is_kept_as_it_is(tmp_path: Path) -> None:
    assert values(opened(tmp_path, "a.csv", "a,b\n=cmd|' /C calc'!A0,1\n"))[0]["a"] == "=cmd|' /C calc'!A0"


def test_a_missing_file_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match=r"Data set not found\."):
        open_file(tmp_path / ".." / ".." / "etc")


ROWS = [{"q": "Ce e „asta”?", "n": 1}, {"q": "È così?", "n": 2}]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", json.dumps(ROWS)),
        ("a.json", json.dumps(ROWS, indent=2, ensure_ascii=False)),
        ("a.json", json.dumps({"version": "1", "data": ROWS})),
        ("a.json", json.dumps({"info": {"a": [1]}, "train": ROWS, "notes": ["x"]}, indent=1)),
        ("a.json", json.dumps({"q": [row["q"] for row in ROWS], "n": [1, 2]})),
        ("a.json", json.dumps({"0": ROWS[0], "1": ROWS[1]})),
        ("a.json", "\n".join(map(json.dumps, ROWS))),
        ("a.jsonl", json.dumps(ROWS, indent=1)),
        ("a.txt", "\n".join(map(json.dumps, ROWS))[:0] + json.dumps(ROWS)),
        ("a", "\n".join(map(json.dumps, ROWS)) + "\n\n"),
    ],
)
def test_json_in_all_its_layouts_gives_the_same_rows(tmp_path: Path, name: str, content: str) -> None:
    if name.endswith(".txt"):
        name = "a.json"
    assert values(opened(tmp_path, name, content)) == ROWS


def test_captions_and_questions_are_joined_with_what_they_belong_to(tmp_path: Path) -> None:
    coco = {
        "images": [{"id": 7, "file_name": "7.jpg"}, {"id": 8, "file_name": "8.jpg"}],
        "annotations": [
            {"id": 1, "image_id": 8, "caption": "O pisică."},
            {"id": 2, "image_id": 7, "caption": "Un cane."},
        ],
    }
    found = values(opened(tmp_path, "captions.json", json.dumps(coco)))
    assert [(row["file_name"], row["caption"]) for row in found] == [("8.jpg", "O pisică."), ("7.jpg", "Un cane.")]
    questions = {"questions": [{"question_id": 1, "image_id": 8, "question": "Ce e?"}]}
    assert values(opened(tmp_path, "q.json", json.dumps(questions)))[0]["question"] == "Ce e?"


def test_a_fault_in_a_list_names_the_true_line(tmp_path: Path) -> None:
    found = opened(tmp_path, "a.json", '[\n {"a": 1},\n {"a": 2\n  "b": 3}\n]')
    with pytest.raises(DataError, match=r"Line 4 is not valid JSON \(column 3: comma missing\)"):
        list(found.records())
    found = opened(tmp_path, "a.json", '[\n {"a": 1},\n {"a": 2}\n')
    with pytest.raises(DataError, match="The file ends in line 4 before its list is closed"):
        list(found.records())
    assert faults(opened(tmp_path, "a.json", '[{"a": 1},\n 5, {"b": "\\ud800"}]')) == [
        "Line 2: every element of the list must be a JSON object with named fields.",
        "Line 2 (#3) contains a broken character (U+D800).",
    ]


def test_a_long_list_never_comes_into_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with path.open("w") as file:
        file.write("[")
        file.writelines(json.dumps({"a": "x" * 1000}) + ("," if at < 29_999 else "]") for at in range(30_000))
    tracemalloc.start()
    assert sum(1 for _ in open_file(path).records()) == 30_000
    assert tracemalloc.get_traced_memory()[1] < 16_000_000
    tracemalloc.stop()


def test_texts_become_one_record_for_each_that_stands_by_itself(tmp_path: Path) -> None:
    assert values(opened(tmp_path, "a.txt", "Uno.\nAncora.\n\nDue.")) == [{"text": "Uno.\nAncora."}, {"text": "Due."}]
    assert values(opened(tmp_path, "a.txt", "Ţară\nApă".encode("cp1250"))) == [{"text": "Ţară"}, {"text": "Apă"}]
    source = "---\nx: 1\n---\nIntro\n# Uno\ntesto\n```\n# no\n```\n## Due\naltro"
    found = opened(tmp_path, "a.md", source)
    assert [(record.place, record.values["text"].split("\n")[0]) for record in found.records()] == [
        ("4", "Intro"), ("5", "# Uno"), ("10", "## Due"),
    ]  # fmt: skip


def test_a_web_page_gives_what_a_reader_sees(tmp_path: Path) -> None:
    page = """<!doctype html><html><head><title>Mele</title><style>x{}</style></head><body><nav>Menu</nav>
    <h1>Le mele</h1><p>Sono <b>rosse</b>.</p><script>alert(1)</script><ul><li>una</li><li>due</li></ul></body></html>"""
    assert values(opened(tmp_path, "a.html", page)) == [{"title": "Mele", "text": "Le mele\nSono rosse.\nuna\ndue"}]


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.txt", "a\tb\n1\t2\n3\t4\n", "csv"),
        ("a.txt", "testo\tetichetta\nciao\tsaluto\n".encode("utf-16"), "csv"),
        ("a.csv", json.dumps({"a": 1}) + "\n", "csv"),
        ("a.csv", "<!DOCTYPE html><html><body>Log in</body></html>", "html"),
    ],
)
def test_what_a_file_is_decides_over_its_name(tmp_path: Path, name: str, content: str | bytes, kind: str) -> None:
    found = opened(tmp_path, name, content)
    assert found.understood.kind == kind
    assert (f"opening.is_{kind}" in notices(found)) == (not name.endswith(kind))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"Rar!\x1a\x07\x00rest", "RAR archives cannot be opened here"),
        (bytes(range(32)) * 100, "It is not known what kind of file this is"),
    ],
)
def test_what_is_no_data_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        opened(tmp_path, "a.bin", content)


def test_records_can_be_walked_through_twice(tmp_path: Path) -> None:
    found = opened(tmp_path, "a.jsonl", '{"a": 1}\n{"a": 2}\n')
    first: list[Record] = list(found.records())
    assert first == list(found.records())
    assert [record.place for record in first] == ["1", "2"]


@pytest.mark.parametrize(
    ("pasted", "kind"),
    [
        ("întrebare;răspuns\nCe e 1?;Unu.\nCe e 2?;Doi.\n", "csv"),
        ('question,answer\nWhat is 1?,One.\n"What, then?",Two.\n', "csv"),
        ("domanda|risposta\nChe cos'è?|Un fiore.\nChi sei?|Io.\n", "csv"),
        ("question\tanswer\na\tb\n", "csv"),
        ("Ana are mere, pere și prune.\nIon are nuci, alune și castane.\nDan are flori, frunze și crengi.\n", "text"),
        ("unu, doi\ntrei, patru\ncinci, șase\n", "text"),
        ("Buongiorno; come stai?\nBene; e tu?\nAnch'io; grazie.\n", "text"),
        ("întrebare;răspuns\nCe e 1?;Unu.\n", "text"),
        ("Un singur rând, cu o virgulă.", "text"),
    ],
)
def test_what_is_pasted_is_a_table_when_it_clearly_is_one(tmp_path: Path, pasted: str, kind: str) -> None:
    (tmp_path / "pasted").write_text(pasted, encoding="utf-8")
    assert kinds.of(tmp_path / "pasted") == kind


def test_a_text_file_with_semicolons_stays_text(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("nume;vârstă\nAna;3\nIon;4\n", encoding="utf-8")
    assert kinds.of(tmp_path / "note.txt") == "text"
