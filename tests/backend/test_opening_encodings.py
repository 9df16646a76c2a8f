"""Romanian and Italian texts in the encodings that people's files have: each is found, however short."""

from pathlib import Path

import pytest

from backend.data.opening.characters import detection, streams
from backend.data.opening.files import open_file
from backend.data.opening.opened import Choices
from backend.errors import DataError

CEDILLAS = str.maketrans("șțȘȚ", "şţŞŢ")
ROMANIAN = [
    "Știința și viața în țară: așa că fața lui s-a înroșit.",
    "Întâi fața, apoi țara și școala; mâine vom învăța să citim.",
    "Mașina e în față.",
    "apă",
    "„Bună ziua”, spuse ea – și plecă…",
    "ÎNTREBARE ȘI RĂSPUNS",
    "fiți",
    "mulțumesc, reînnoit, neînțeles",
]
ITALIAN = [
    "Perché la città è così bella? Più tardi andrò là.",
    "La città",
    "È già lunedì",
    "perché no",
    "un caffè nero",
    "L’università – «sì», disse…",
    "VERITÀ E LIBERTÀ",
    "costa 5 € al chilo, cioè poco",
    "C'è, però",
]
BOTH = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "iso8859-16"]


def table() -> list[tuple[str, str]]:
    """Every text with every encoding that can write it; Romanian with a cedilla where the encoding has no comma."""
    found = []
    for texts, encodings in ((ROMANIAN, ["cp1250", "cp852", "iso8859-2"]), (ITALIAN, ["cp1252", "cp850", "mac-roman"])):
        for text in texts:
            for encoding in (*BOTH, *encodings):
                for form in dict.fromkeys((text, text.translate(CEDILLAS))):
                    try:
                        form.encode(encoding)
                    except UnicodeEncodeError:
                        continue
                    found.append((form, encoding))
    return found


TABLE = table()


def test_the_table_has_every_encoding_with_both_languages() -> None:
    assert {encoding for _, encoding in TABLE} == {
        *BOTH,
        "cp1250",
        "cp852",
        "iso8859-2",
        "cp1252",
        "cp850",
        "mac-roman",
    }
    assert len(TABLE) > 150


@pytest.mark.parametrize(("text", "encoding"), TABLE)
def test_a_text_is_read_as_it_was_written(tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(text.encode(encoding))
    with streams.utf_8(path, detection.of_file(path)) as file:
        read = file.read().decode("utf-8-sig")
    # Where the comma and the cedilla are the same byte, Windows-1250 is the likelier one, and it has the cedilla.
    assert read.translate(CEDILLAS) == text.translate(CEDILLAS)


@pytest.mark.parametrize("text", [ROMANIAN[0], ITALIAN[0], ROMANIAN[4]])
def test_a_text_in_utf_8_that_ends_within_a_letter_is_still_utf_8(tmp_path: Path, text: str) -> None:
    raw = text.encode()
    for end in range(len(raw) - 12, len(raw)):
        assert detection.of_bytes(raw[:end]) == "utf-8", raw[:end]


def test_a_utf_16_file_that_ends_within_a_letter_loses_that_letter_only(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("Țara și viața".encode("utf-16")[:-1])
    with streams.utf_8(path, detection.of_file(path)) as file:
        assert file.read().decode().startswith("Țara și viaț")


def test_letters_cut_between_two_parts_of_a_long_file_are_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(("x" + "șță" * 700_000).encode())
    assert detection.of_file(path) == "utf-8"
    path.write_bytes(("x" + "ţară şi apă " * 200_000).encode("cp1250"))
    assert detection.of_file(path) == "cp1250"


def test_the_letters_may_begin_after_a_megabyte_of_plain_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"text\n" + b"nimic deosebit\n" * 200_000 + "în faţă şi în spate\n".encode("cp1250"))
    opened = open_file(path)
    assert opened.understood.encoding == "cp1250"
    *_, last = opened.records()
    assert last.values == {"text": "în faţă şi în spate"}


def test_a_damaged_place_does_not_turn_a_text_in_utf_8_into_another_one(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    lines = [f"{at};în față și în țară" for at in range(40)]
    path.write_bytes("\n".join(["nr;text", *lines]).encode().replace(b"\n7;\xc3\xaen", b"\n7;\xeen"))
    opened = open_file(path)
    assert opened.understood.encoding == "utf-8"
    faults = [(record.place, str(record.fault)) for record in opened.records() if record.fault]
    assert [place for place, _ in faults] == ["9"]
    assert faults[0][1].startswith("The file is not UTF-8 (byte 0xEE in line 9).")


def test_russian_and_greek_are_left_to_the_general_detector() -> None:
    russian = "Это обычный русский текст, который написан для проверки кодировки файла."
    assert russian.encode("cp1251").decode(detection.of_bytes(russian.encode("cp1251"))) == russian


def test_utf_16_can_be_chosen_for_a_file_without_its_mark(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("text\nfață\n".encode("utf-16-le"))
    assert [record.values for record in open_file(path, Choices(encoding="utf-16")).records()] == [{"text": "față"}]


def test_an_encoding_can_be_chosen_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("text\nfaţă\n".encode("cp1250"))
    chosen = open_file(path, Choices(encoding="cp1252"))
    assert [record.values for record in chosen.records()] == [{"text": "faþã"}]
    with pytest.raises(DataError, match='The encoding "rot13" is not known'):
        open_file(path, Choices(encoding="rot13"))
