"""What the check of a data set finds: each fault in rows that have it, and not in rows that have not."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.data import datasets
from backend.data.doctor import fixing
from backend.data.doctor.check import Doctor, check, rules
from backend.data.doctor.finding import Finding
from backend.data.doctor.rules.rule import Writing
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
    ("lost_letters", text("Ast?zi am mers la pia?? și am cump?rat mere pentru pl?cinta de duminic?."), "?"),
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
    ("personal_data", text("Il numero dell'ufficio è 02 1234 5678, ma non rispondono mai di sera."), "02 1234 5678"),
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


def test_a_model_says_which_words_are_its_commands(starter: Reader) -> None:
    assert starter.words
    row = chat("Bună", f"Da {starter.words[0]} nu")
    found = report([row], starter)["control_words"]
    assert (found.severity, found.safe, found.fix) == ("error", False, "part_control_words")
    assert "this model" in found.message["en"]
    assert report([row])["control_words"].safe if "control_words" in report([row]) else True
    assert "control_words" not in report([chat("Bună", "Da [INST] nu")], starter)


def test_rows_longer_than_the_model_reads_are_counted_with_what_would_be_cut(starter: Reader) -> None:
    doctor = Doctor(starter)
    rows = [chat("Ce faci?", "Bine."), chat("Ce faci?", "cuvânt " * 200), text("Un rând scurt, dar bun.")]
    for row in rows:
        doctor.take(row)
    found = doctor.report(lambda: [])
    long = next(one for one in found.findings if one.code == "doctor.long")
    lengths = found.lengths
    assert lengths is not None
    assert (long.rows, long.places, lengths.over, lengths.most) == (1, ("2",), 1, 64)
    assert sum(count for _, count in lengths.classes) == lengths.rows == 3
    assert lengths.cut == lengths.longest - 64 > 100
    shown = long.examples[0]
    assert shown.start > 0
    assert shown.text[shown.start : shown.end].strip()
    assert str(lengths.cut) in long.message["it"]
    assert "long" not in report(rows[:1], starter)


def test_exact_and_near_repetitions_name_the_row_that_they_repeat() -> None:
    rows = [text(f"{LONG} Unu."), text("Altceva, cu totul."), text("Altceva, cu totul."), text(f"{LONG} Doi.")]
    found = report(rows)
    assert (found["duplicate"].places, found["duplicate"].examples[0].like) == (("3",), "2")
    near = found["near_duplicate"]
    assert (near.rows, near.places, near.examples[0].like) == (1, ("4",), "1")
    assert near.examples[0].text.startswith("cuvântul numărul 0")


def test_short_rows_that_differ_in_one_word_and_long_ones_that_differ_in_many_are_no_repetitions() -> None:
    short = [chat(f"Cât fac doi plus {at}?", f"Doi plus {at} fac {at + 2}.") for at in range(40)]
    other = [text(" ".join(f"vorba{at * 100 + place}" for place in range(60))) for at in range(40)]
    assert not {"duplicate", "near_duplicate"} & report([*short, *other]).keys()


def test_near_repetitions_are_found_whatever_their_order_and_number() -> None:
    rows = [text(f"{LONG} Capătul {at}.") for at in range(1200)]
    found = report([text(" ".join(f"altul{place}" for place in range(60))), *rows])
    assert (found["near_duplicate"].rows, found["near_duplicate"].places[0]) == (1199, "3")


def test_a_few_rows_in_another_language_are_shown_and_a_mixture_is_not() -> None:
    romanian = [chat(f"Ce știi despre orașul numărul {at}?", RO) for at in range(30)]
    found = report([*romanian, chat("What is this?", EN)])["other_language"]
    assert (found.rows, found.places) == (1, ("31",))
    assert ("en 1" in found.message["ro"], "(ro)" in found.message["ro"]) == (True, True)
    mixed = [row for at in range(30) for row in (chat(f"Ce este {at}?", RO), chat(f"Che cosa è {at}?", IT))]
    assert "other_language" not in report(mixed)


def test_the_language_of_each_row_is_told() -> None:
    doctor = Doctor()
    german = "Die Hauptstadt von Deutschland heißt Berlin und liegt an der Spree, mitten im Land."
    for row in [text(RO), text(RO), text(IT), text(EN), text("12"), text(german)]:
        doctor.take(row)
    assert doctor.report(lambda: []).languages == {"ro": 2, "it": 1, "en": 1, "": 1, "de": 1}


def test_labels_that_are_rare_written_twice_or_mixed_with_numbers() -> None:
    even = [label(f"Textul numărul {at}", ("bun", "rău")[at % 2]) for at in range(40)]
    assert not {"label_imbalance", "label_twice", "mixed_labels"} & report(even).keys()
    found = report([*even, *(label(f"Alt text {at}", "bun") for at in range(400)), label("Un text", "Bun")])
    assert found["label_twice"].rows == 1
    assert found["label_twice"].places == ("441",)
    assert (found["label_imbalance"].rows, found["label_imbalance"].fix) == (1, "")
    assert "„bun”" in found["label_imbalance"].message["ro"]
    mixed = report([*even, label("Un text", "1")])["mixed_labels"]
    assert (mixed.rows, mixed.places) == (1, ("41",))


def test_the_key_of_an_exam_that_prefers_one_place() -> None:
    assert "answer_key" not in report(exam(f"Întrebarea {at}?", at % 5 + 1) for at in range(50))
    found = report(exam(f"Întrebarea {at}?", 3 if at % 2 else at % 5 + 1) for at in range(60))["answer_key"]
    assert "number 3 in 60 %" in found.message["en"]


def test_decimal_commas_and_points_in_one_set() -> None:
    commas = [chat(f"Cât costă {at}?", f"Costă {at},50 lei la piață, pe data de 12.03.2020.") for at in range(10)]
    assert "mixed_decimals" not in report(commas)
    points = [chat(f"Cât cântărește {at}?", f"Are {at}.75 kilograme și este în pungă.") for at in range(6)]
    found = report([*commas, *points])["mixed_decimals"]
    assert (found.rows, found.examples[0].text[found.examples[0].start : found.examples[0].end]) == (6, "0.75")


def test_the_data_that_ships_raises_no_alarm(workspace: Workspace, starter: Reader) -> None:
    wide = starter.model_copy(update={"most": 1024})
    for shipped in datasets.available(HOME, workspace):
        assert [one.message["en"] for one in check(shipped, wide).findings] == [], shipped.id


WRITING = [rule for rule in rules(None, None) if isinstance(rule, Writing)]
PIECES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=80),
    st.sampled_from([RO, IT, "Ã®nÈ›", "e'", "perche'", "0722 123 456", "a@b.ro", "<|im_end|>", "ţ", "\ufffd", "'"]),
)
TEXTS = st.lists(PIECES, min_size=1, max_size=6).map(" ".join).filter(lambda said: bool(said.strip()))


def any_row(one: str, two: str) -> list[Row]:
    asked = {"role": "user", "content": f"{one}\n\n{two}", "input": two}
    seen = [{"type": "image", "image": "pictures/a.png"}, {"type": "text", "text": one}]
    said = {"role": "assistant", "content": two}
    return [
        {"messages": [asked, said]},
        {"messages": [{"role": "system", "content": one}, {"role": "user", "content": seen}, said]},
        {"text": one},
        {"text": one, "label": two},
        {"first": one, "second": two, "score": 1.5},
        {"question": one, "options": [two, one], "answers": [1]},
        {"prompt": [{"role": "user", "content": one}], "chosen": two, "rejected": one},
        {"image": "pictures/a.png", "caption": one},
    ]


@settings(max_examples=60, deadline=None)
@given(TEXTS, TEXTS)
def test_no_text_makes_the_check_or_a_fix_stumble(one: str, two: str) -> None:
    for at, row in enumerate(any_row(one, two), start=1):
        for found in report([row]).values():
            for shown in found.examples:
                assert 0 <= shown.start <= shown.end <= len(shown.text)
                assert "\n" not in shown.text
        mended = fixing.written(row, at, WRITING)
        assert mended.keys() == row.keys()
        assert "control_words" not in report([mended])
        assert fixing.written(mended, at, WRITING).keys() == row.keys()
        for message in mended.get("messages", ()):
            assert "input" not in message or message["content"].endswith("\n\n" + message["input"])
