"""What the check of a data set finds: each fault in rows that have it, and not in rows that have not."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from backend.data.doctor.check import Doctor
from backend.data.doctor.finding import Finding
from backend.data.doctor.seen import Reader
from backend.data.rows import Row
from backend.messages import LANGUAGES
from backend.models import catalogue, reader
from backend.paths import Workspace
from backend.people import HOME

RO = "Capitala României este București, iar orașul se află în sudul țării, pe râul Dâmbovița."
IT = "La capitale dell'Italia è Roma, che si trova nel centro del paese, sulle rive del Tevere."
EN = "The capital of England is London, which has been on both banks of the river for a long time."


def chat(asked: str, said: str) -> Row:
    return {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]}


def text(said: str) -> Row:
    return {"text": said}


def label(said: str, name: str) -> Row:
    return {"text": said, "label": name}


def exam(asked: str, answer: int, options: int = 5) -> Row:
    return {"question": asked, "options": [f"varianta {at}" for at in range(options)], "answers": [answer]}


def report(rows: Iterable[Row], chosen: Reader | None = None) -> dict[str, Finding]:
    every = list(rows)
    doctor = Doctor(chosen)
    for row in every:
        doctor.take(row)
    found = doctor.report(lambda: ((str(at), row) for at, row in enumerate(every, start=1)))
    return {one.code.removeprefix("doctor."): one for one in found.findings}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace").create()


@pytest.fixture
def starter(workspace: Workspace) -> Reader:
    found = reader.of(catalogue.find(HOME, workspace, "starter"), 64)
    assert found is not None
    return found


LONG = " ".join(f"cuvântul numărul {at} din textul acesta" for at in range(12))
FAULTS: list[tuple[str, Row, str]] = [
    ("empty", chat("Ce este asta?", "..."), ""),
    ("empty", text("N/A"), ""),
    ("short", text("Da."), ""),
    ("control_words", chat("Spune <|im_end|> acum", RO), "<|im_end|>"),
    ("wrong_encoding", chat("Ce faci?", "BucureÈ™tiul este Ã®n sudul ÈšÄƒrii."), "È™"),
    ("wrong_encoding", text("Roma Ã¨ la cittÃ\xa0 piÃ¹ bella."), "Ã¨"),
    ("wrong_encoding", text("BucureČ™tiul este Ă®n sudul Č›Äƒrii.".replace("ƒ", "\x83")), "Č™"),
    ("lost_letters", text(f"{RO} \ufffd"), "\ufffd"),
    ("cedilla", chat("Ce faci în oraş?", "Mă plimb prin ţară."), "ş"),
    (
        "no_diacritics",
        chat("Ce stii despre Romania?", "Este o tara din Europa, dupa cum stiu."),
        "stii",
    ),
    ("italian_accents", chat("Perche' e' cosi' lontano?", "Non lo so, ma la citta' e' bella."), "Perche'"),
    ("italian_accents", text("Non so perchè il cane è qui e non nella casa della nonna."), "perchè"),
    ("personal_data", chat("Cui scriu?", "Scrie la ana.pop@gmail.com pentru detalii."), "ana.pop@gmail.com"),
    ("personal_data", chat("Care este numărul?", "Sună la 0722 123 456 și întreabă de mine."), "0722 123 456"),
    ("personal_data", text("Puoi chiamare il +39 347 123 4567 quando vuoi, non di notte."), "+39 347 123 4567"),
    ("personal_data", text("Codul numeric personal este 1980101410015 și nu se spune nimănui."), "1980101410015"),
    ("personal_data", text("Il mio codice fiscale è RCCMNL83S18D969H e non si dice."), "RCCMNL83S18D969H"),
    ("turns_in_text", chat("User: Salut\nAssistant: Bună\nUser: Ce faci?", RO), "Assistant:"),
    ("leak", label("Filmul este minunat. Etichetă: pozitiv", "pozitiv"), "Etichetă: pozitiv"),
    ("leak", exam("Care este capitala? Răspuns corect: 3", 3), "Răspuns corect: 3"),
]
RIGHT: list[tuple[str, Row]] = [
    ("empty", chat("Ce se pune la sfârșit?", "!")),
    ("empty", chat("Cum te simți?", "🙂")),
    ("empty", chat("Cât face unu plus unu?", "2")),
    ("short", chat("Salut", "Bună")),
    ("control_words", text("if (a < s) { b = [INST; }")),
    ("wrong_encoding", text(f"{RO} „Așa e” – spuse el… Prețul: 5 € la 20 °C, © BĂ®")),
    ("wrong_encoding", text("Größe, naïve, coração, señor, Łódź, Škoda, ÂNGELO")),
    ("cedilla", text("İstanbul'da yaşayan insanlar için şehir çok büyük ve güzel bir yerdir, değil mi?")),
    ("cedilla", text(RO)),
    ("no_diacritics", text(EN)),
    ("no_diacritics", text(IT)),
    ("no_diacritics", chat("Ce e asta?", "Este un cal.")),
    ("italian_accents", text("Un po' di pane, di' la verità, va' via, sta' fermo: così è la vita, perché no?")),
    ("italian_accents", text("Come si dice 'citta' in inglese? Non lo so, ma la casa è della nonna.")),
    ("italian_accents", text("Ce-i cu 'e' aici? Nu știu, dar este în text și rămâne.")),
    (
        "personal_data",
        text("Comanda 3001234567 din 12.03.2020, ISBN 9789731234567, 1 000 000 000 de lei."),
    ),
    ("personal_data", text("Scrie la nume@example.com, versiunea 0.712.3456, între 1990-1995 și 2000.")),
    ("turns_in_text", chat("Ce este un user: o persoană?", "Da, o persoană. Assistant: este alt cuvânt.")),
    ("leak", label("Filmul este pozitiv surprinzător, clasa: întâi", "pozitiv")),
    ("leak", exam("Care este răspunsul: doi sau trei?", 3)),
]


@pytest.mark.parametrize(("code", "row", "marked"), FAULTS, ids=[f"{one[0]}-{at}" for at, one in enumerate(FAULTS)])
def test_a_row_with_a_fault_is_found_and_its_place_is_marked(code: str, row: Row, marked: str) -> None:
    found = report([chat("Ce este un râu?", RO), row, chat("Ce este un lac?", RO)])
    assert code in found
    one = found[code]
    assert (one.rows, one.places) == (1, ("2",))
    shown = one.examples[0]
    if marked:
        assert shown.text[shown.start : shown.end] == marked
    assert {language for language, said in one.message.items() if said} == set(LANGUAGES)


@pytest.mark.parametrize(("code", "row"), RIGHT, ids=[f"{one[0]}-{at}" for at, one in enumerate(RIGHT)])
def test_a_row_that_is_right_raises_no_alarm(code: str, row: Row) -> None:
    assert code not in report([row])
