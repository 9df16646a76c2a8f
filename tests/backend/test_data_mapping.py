"""From the columns of a file to stored rows: what is recognised, what is said, and what a person may correct."""

import json
from typing import Any

import pytest

from backend.data.mapping.building import exams
from backend.data.mapping.mapping import Mapping
from backend.data.mapping.recognition import recognise
from backend.data.mapping.roles import ROLES, fold, names
from backend.errors import DataError
from backend.messages import LANGUAGES, catalogue

ASKED, ANSWERED = "Care este capitala Italiei?", "Roma."
USER = {"role": "user", "content": ASKED}
BOT = {"role": "assistant", "content": ANSWERED}
CHAT = {"messages": [USER, BOT]}
PAIR = {"prompt": [USER], "chosen": ANSWERED, "rejected": "Milano."}
HUMAN, GPT = {"from": "human", "value": ASKED}, {"from": "gpt", "value": ANSWERED}
WRONG = {"role": "assistant", "content": "Milano."}


def chat(*turns: str, system: str = "") -> dict[str, Any]:
    before = [{"role": "system", "content": system}] if system else []
    who = ("user", "assistant")
    return {"messages": [*before, *({"role": who[n % 2], "content": text} for n, text in enumerate(turns))]}


def read(values: dict[str, Any]) -> tuple[Mapping, dict[str, Any]]:
    mapping = recognise(list(values), [values])
    return mapping, next(mapping.rows(values, "1"))


CHATS = {
    "alpaca": {"instruction": ASKED, "input": "", "output": ANSWERED},
    "alpaca without input": {"instruction": ASKED, "output": ANSWERED},
    "gpteacher": {"instruction": ASKED, "input": "", "response": ANSWERED},
    "oasst": {"INSTRUCTION": ASKED, "RESPONSE": ANSWERED},
    "reflection": {"instruction": ASKED, "input": "", "output": ANSWERED, "reflection": "x", "corrected": "y"},
    "question and answer": {"question": ASKED, "answer": ANSWERED},
    "jeopardy": {"question": ASKED, "category": "geografie", "answer": ANSWERED},
    "camel": {"message_1": ASKED, "message_2": ANSWERED},
    "metharme": {"prompt": ASKED, "generation": ANSWERED},
    "creative answer": {"instruction": ASKED, "revision": ANSWERED},
    "creative critique": {"scores": "1", "critiques": "scurt", "instruction": ASKED, "answer": ANSWERED},
    "prompt and completion": {"prompt": ASKED, "completion": ANSWERED},
    "prompt and completion as messages": {"prompt": [USER], "completion": [BOT]},
    "messages": {"messages": [USER, BOT]},
    "messages with parts": {"messages": [{"role": "user", "content": [{"type": "text", "text": ASKED}]}, BOT]},
    "messages as text in a table": {"messages": json.dumps([USER, BOT])},
    "messages as Python writes them": {"messages": str([USER, BOT])},
    "messages beside a prompt": {"prompt": ASKED, "prompt_id": "a1", "messages": [USER, BOT]},
    "sharegpt": {"conversations": [HUMAN, GPT]},
    "pygmalion": {"conversations": [{"role": "human", "value": ASKED}, {"role": "model", "value": ANSWERED}]},
    "a column nobody knows": {"x": [USER, BOT]},
    "romanian": {"Întrebare": ASKED, "Răspuns": ANSWERED},
    "romanian with cedillas": {"Instrucţiune": ASKED, "Ieşire": ANSWERED},
    "italian": {"domanda": ASKED, "risposta": ANSWERED},
    "italian instruction": {"Istruzione": ASKED, "Risposta": ANSWERED},
}  # fmt: skip


@pytest.mark.parametrize("layout", CHATS)
def test_every_layout_of_a_chat_becomes_the_same_chat(layout: str) -> None:
    mapping, row = read(CHATS[layout])
    assert (mapping.shape, row) == ("chat", CHAT)


SYSTEM = "Răspunde scurt."
FULLER: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"system_prompt": SYSTEM, "question": ASKED, "response": ANSWERED}, chat(ASKED, ANSWERED, system=SYSTEM)),
    ({"conversations": [HUMAN, GPT], "system": SYSTEM}, chat(ASKED, ANSWERED, system=SYSTEM)),
    ({"conversations": [HUMAN, GPT], "system": SYSTEM, "tools": "[vremea]"},
     chat(ASKED, ANSWERED, system=f"{SYSTEM}\n\n[vremea]")),
    ({"instruction": ASKED, "output": ANSWERED, "history": [["Salut.", "Bună."]]},
     chat("Salut.", "Bună.", ASKED, ANSWERED)),
    ({"conversations": [HUMAN, {"from": "function_call", "value": "{}"}, {"from": "observation", "value": "Roma"},
                        GPT]},
     chat(ASKED, "{}", "Roma", ANSWERED)),
    ({"article": "Un text despre Roma.", "summary": "Roma."}, chat("Un text despre Roma.", "Roma.")),
]  # fmt: skip


@pytest.mark.parametrize(("values", "stored"), FULLER)
def test_what_stands_beside_a_question_is_kept(values: dict[str, Any], stored: dict[str, Any]) -> None:
    assert read(values)[1] == stored


@pytest.mark.parametrize("name", ["input", "context", "article", "contesto", "Paragraf"])
def test_the_text_a_question_is_about_stands_behind_it_and_by_itself(name: str) -> None:
    row = read({"question": ASKED, name: "Roma este capitala.", "answer": ANSWERED})[1]
    asked = {"role": "user", "content": f"{ASKED}\n\nRoma este capitala.", "input": "Roma este capitala."}
    assert row == {"messages": [asked, BOT]}


PAIRS = {
    "prompt": {"prompt": ASKED, "chosen": ANSWERED, "rejected": "Milano."},
    "intel": {"question": ASKED, "chosen": ANSWERED, "rejected": "Milano."},
    "icr": {"input": ASKED, "chosen": ANSWERED, "rejected": "Milano."},
    "argilla": {"instruction": ASKED, "chosen_response": ANSWERED, "rejected_response": "Milano."},
    "whole conversations": {"chosen": [USER, BOT], "rejected": [USER, WRONG]},
    "ultra": {"prompt": ASKED, "chosen": [USER, BOT], "rejected": [USER, WRONG]},
    "messages all over": {"prompt": [USER], "chosen": [BOT], "rejected": [WRONG]},
    "messages and one answer each": {"messages": [USER], "chosen": BOT, "rejected": WRONG},
    "sharegpt": {"conversations": [HUMAN], "chosen": GPT, "rejected": {"from": "gpt", "value": "Milano."}},
    "nectar": {"prompt": ASKED, "answers": [{"answer": "Milano.", "rank": 3}, {"answer": ANSWERED, "rank": 1}]},
    "a prompt that both begin with": {"chosen": f"{ASKED} {ANSWERED}", "rejected": f"{ASKED} Milano."},
    "spoken": {"chosen": f"\n\nHuman: {ASKED}\n\nAssistant: {ANSWERED}",
               "rejected": f"\n\nHuman: {ASKED}\n\nAssistant: Milano."},
    "italian": {"domanda": ASKED, "scelta": ANSWERED, "rifiutata": "Milano."},
    "romanian": {"întrebare": ASKED, "ales": ANSWERED, "respins": "Milano."},
}  # fmt: skip


@pytest.mark.parametrize("layout", PAIRS)
def test_every_layout_of_a_pair_becomes_the_same_pair(layout: str) -> None:
    mapping, row = read(PAIRS[layout])
    assert (mapping.shape, row) == ("preference", PAIR)


STEM = "Care organ pompează sângele?"
OPTIONS = ["ficatul", "inima", "splina", "rinichiul", "plămânul"]
INSIDE = STEM + "\n" + "\n".join(f"{n}. {option}" for n, option in enumerate(OPTIONS, start=1))
EXAMS: list[tuple[dict[str, Any], list[int]]] = [
    ({"question": INSIDE, "answer": "2"}, [2]),
    ({"question": INSIDE, "answer": 2}, [2]),
    ({"question": INSIDE, "answer": "2,4"}, [2, 4]),
    ({"question": INSIDE, "answer": "1, 3 și 5"}, [1, 3, 5]),
    ({"question": INSIDE, "answer": "135"}, [1, 3, 5]),
    ({"question": INSIDE.replace("\n", " "), "answer": "5"}, [5]),
    ({"question": f"{STEM} " + " ".join(f"{n}) {o};" for n, o in enumerate(OPTIONS, 1)), "answer": "[1, 3]"}, [1, 3]),
    ({"question": STEM, "choices": OPTIONS, "answer": "inima"}, [2]),
    ({"question": STEM, "choices": OPTIONS, "solution": "inima", "explanation": "Bate."}, [2]),
    ({"question": STEM, "choices": {"text": OPTIONS, "label": list("ABCDE")}, "answerKey": "B"}, [2]),
    ({"question": STEM, **dict(zip("ABCDE", OPTIONS, strict=True)), "answer": "B"}, [2]),
    ({"question": STEM, **{f"op{k}": o for k, o in zip("abcde", OPTIONS, strict=True)}, "cop": 0}, [1]),
    ({"Domanda": STEM, **{f"Opzione {n}": o for n, o in enumerate(OPTIONS, 1)}, "Risposta corretta": 2.0}, [2]),
    ({"Întrebare": STEM, **{f"Varianta {k}": o for k, o in zip("ABCDE", OPTIONS, strict=True)}, "Răspuns corect": "ac"},
     [1, 3]),
]  # fmt: skip


@pytest.mark.parametrize(("values", "right"), EXAMS)
def test_an_exam_question_is_found_with_its_options_and_answers(values: dict[str, Any], right: list[int]) -> None:
    mapping, row = read(values)
    assert mapping.shape == "exam"
    assert row == {"question": STEM, "options": OPTIONS, "answers": right}


@pytest.mark.parametrize(
    "text",
    [
        "Doza este de 1.5 mg.\n1. o dată\n2. de 2 ori\n3. de 3 ori",
        "La pct. 1. din lege se arată:\n1. o dată\n2. de 2 ori\n3. de 3 ori",
        "Alege:\nA. o dată\nB. de 2 ori\nC. de 3 ori",
        "Scegli: a) o dată b) de 2 ori c) de 3 ori",
    ],
)
def test_numbers_in_the_question_itself_are_no_options(text: str) -> None:
    assert exams.parted(text)[1] == ["o dată", "de 2 ori", "de 3 ori"]


def test_options_counted_from_nought_are_seen_and_what_cannot_be_seen_is_said() -> None:
    rows = [{"question": STEM, "choices": OPTIONS, "answer": n} for n in (1, 2, 3)]
    unsure = recognise(list(rows[0]), rows)
    assert [notice.key for notice in unsure.notices] == ["mapping.counted_from"]
    sure = recognise(list(rows[0]), [*rows, {**rows[0], "answer": 0}])
    assert (sure.first_answer, sure.notices) == (0, ())
    assert sure.row(rows[0], "1")["answers"] == [2]


TABLES: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    ({"text": "Un film bun.", "label": "pozitiv"}, "label", {"text": "Un film bun.", "label": "pozitiv"}),
    ({"testo": "Un bel film.", "etichetta": 1}, "label", {"text": "Un bel film.", "label": "1"}),
    ({"recenzie": "Bun.", "sentiment": 1.0}, "label", {"text": "Bun.", "label": "1"}),
    ({"title": "Titlu", "content": "Știre.", "label": "0"}, "label", {"text": "Titlu\n\nȘtire.", "label": "0"}),
    ({"text": "Bucurie și frică.", "agreed_labels": [0, 0, 1, 0, 0, 0, 1]}, "label",
     {"text": "Bucurie și frică.", "label": "2, 6"}),
    ({"text": "Frică.", "labels": ["frică"]}, "label", {"text": "Frică.", "label": "frică"}),
    ({"sentence1": "Plouă.", "sentence2": "Ninge.", "score": 2.5}, "score",
     {"first": "Plouă.", "second": "Ninge.", "score": 2.5}),
    ({"frase1": "Piove.", "frase2": "Nevica.", "punteggio": "2,5"}, "score",
     {"first": "Piove.", "second": "Nevica.", "score": 2.5}),
    ({"text": "O pagină."}, "text", {"text": "O pagină."}),
    ({"id": "1", "url": "https://", "title": "Titlu", "text": "O pagină."}, "text", {"text": "O pagină."}),
    ({"segments": [{"label": False, "text": "Unu "}, {"label": True, "text": "doi."}]}, "text", {"text": "Unu doi."}),
]  # fmt: skip


@pytest.mark.parametrize(("values", "shape", "stored"), TABLES)
def test_tables_of_texts(values: dict[str, Any], shape: str, stored: dict[str, Any]) -> None:
    mapping, row = read(values)
    assert (mapping.shape, row) == (shape, stored)


def test_an_article_with_questions_becomes_one_chat_for_each() -> None:
    answers = {"answers": [{"text": ANSWERED, "answer_start": 0}], "is_impossible": False}
    questions = [
        {"question": ASKED, "id": "1", **answers},
        {"question": "Unde?", "id": "2", "answers": [], "is_impossible": True},
    ]
    article = {"title": "Roma", "paragraphs": [{"context": "Roma. E mare.", "qas": questions}]}
    mapping = recognise(["title", "paragraphs"], [article])
    rows = list(mapping.rows(article, "1"))
    assert [row["messages"][1]["content"] for row in rows] == [ANSWERED, "Textul nu spune."]
    assert [notice.say("ro") for notice in mapping.notices] == [
        "La întrebările fără răspuns se răspunde „Textul nu spune.”."
    ]


def test_a_flat_answer_of_squad_is_its_first_text() -> None:
    values = {"context": "Roma.", "question": ASKED, "answers": {"text": [ANSWERED], "answer_start": [0]}}
    assert read(values)[1]["messages"][1] == BOT


def test_an_unanswerable_question_is_answered_with_that() -> None:
    mapping, row = read({"article": "La casa è grande.", "unanswerable_question": "Di che colore è la casa?"})
    assert mapping.empty_answer == "Il testo non lo dice."
    assert row["messages"][1]["content"] == mapping.empty_answer


@pytest.mark.parametrize(
    "values",
    [
        {"instruction": ASKED, "output": ANSWERED, "kto_tag": False},
        {"prompt": ASKED, "completion": ANSWERED, "label": False},
        {"conversations": [HUMAN, GPT], "kto_tag": "false"},
    ],
)
def test_an_answer_that_is_marked_as_bad_is_not_learned(values: dict[str, Any]) -> None:
    mapping = recognise(list(values), [values])
    assert [notice.key for notice in mapping.notices] == ["mapping.verdict"]
    with pytest.raises(DataError, match="marked as a bad one"):
        mapping.row(values, "1")
    good = {**values, list(values)[-1]: True}
    assert mapping.row(good, "1") == CHAT


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"messages": [USER, BOT, BOT]}, 'Conversation 4: two "assistant" messages in a row (turn 3).'),
    ({"messages": [{"role": "pilot", "content": "a"}, BOT]},
     'Conversation 4: unknown role "pilot" (turn 1). Use system, user or assistant.'),
    ({"messages": [{"role": "user", "content": " "}, BOT]}, "Conversation 4: the message is empty (turn 1)."),
    ({"messages": [USER]}, "Conversation 4: the last message must be an answer."),
    ({"question": ASKED, "answer": ""}, "Conversation 4: the answer is empty (turn 2)."),
    ({"sentence1": "a", "sentence2": " ", "score": 1}, "Line 9: the text is empty."),
    ({"text": "a", "label": " "}, 'Line 9: the label "label" is missing.'),
    ({"instruction": ASKED, "output": ANSWERED, "history": "ieri"},
     'Line 9: "history" must be a list of questions with their answers.'),
]  # fmt: skip


@pytest.mark.parametrize(("values", "sentence"), FAULTS)
def test_what_is_wrong_with_a_row_is_said_with_its_place(values: dict[str, Any], sentence: str) -> None:
    mapping = recognise(list(values), [values])
    with pytest.raises(DataError) as caught:
        mapping.row(values, "9", 4)
    assert str(caught.value) == sentence
    assert all("{" not in caught.value.say(language) for language in LANGUAGES)


def test_a_wrong_number_and_a_wrong_answer_are_named() -> None:
    score = Mapping(shape="score", fields={"first": "a", "second": "b", "score": "c"})
    with pytest.raises(DataError, match='"c" must be a number'):
        score.row({"a": "x", "b": "y", "c": "mult"}, "3")
    exam = Mapping(shape="exam", fields={"question": "q", "answers": "a"})
    with pytest.raises(DataError, match='Line 3: the right answer "7" is none of the 5 options'):
        exam.row({"q": INSIDE, "a": 7}, "3")
    with pytest.raises(DataError, match="no options were found"):
        exam.row({"q": STEM, "a": 1}, "3")


def test_unknown_columns_are_guessed_and_that_is_said() -> None:
    rows = [{"column_1": f"{ASKED} {n}", "column_2": f"{ANSWERED} Sigur, numărul {n}."} for n in range(9)]
    mapping = recognise(list(rows[0]), rows)
    assert (mapping.shape, mapping.fields) == ("chat", {"question": "column_1", "answer": "column_2"})
    assert [notice.key for notice in mapping.notices] == ["mapping.guessed"]
    labelled = [{"a": f"Un text despre ceva, {n}", "b": "da" if n % 2 else "nu"} for n in range(9)]
    assert recognise(["a", "b"], labelled).fields == {"text": "a", "label": "b"}
    unknown = recognise(["x", "y"], [{"x": 1, "y": 2}])
    assert (unknown.fields, [notice.key for notice in unknown.notices]) == ({}, ["mapping.unknown"])
    with pytest.raises(DataError, match="Say which column holds this: text"):
        unknown.row({"x": 1}, "1")


def test_a_second_column_that_fits_is_named() -> None:
    mapping = recognise(["question", "prompt", "answer"], [{"question": "a", "prompt": "b", "answer": "c"}])
    assert [str(notice.say("en")) for notice in mapping.notices] == [
        'The column "question" was read. "prompt" could be meant as well and is left out.'
    ]


def test_what_a_person_corrects_in_the_header_is_what_is_read() -> None:
    mapping = recognise(["a", "b", "c"], [{"a": "Nota elevului", "b": ASKED, "c": ANSWERED}])
    corrected = mapping.model_copy(update={"shape": "chat", "fields": {}}).given("b", "question").given("c", "answer")
    assert corrected.checked(["a", "b", "c"]).row({"a": "", "b": ASKED, "c": ANSWERED}, "1") == CHAT
    assert corrected.given("c", "").missing() == ["answer"]
    assert corrected.given("a", "answer").fields == {"question": "b", "answer": "a"}
    assert Mapping.model_validate_json(corrected.model_dump_json()) == corrected
    exam = (
        Mapping(shape="exam").given("q", "question").given("x", "options").given("y", "options").given("r", "answers")
    )
    assert exam.row({"q": STEM, "x": "da", "y": "nu", "r": "B"}, "1")["answers"] == [2]
    assert [exam.role_of(column) for column in ("q", "y", "z")] == ["question", "options", ""]


def test_a_mapping_that_cannot_be_is_refused() -> None:
    with pytest.raises(DataError, match='The table has no column "x"'):
        Mapping(shape="text", fields={"text": "x"}).checked(["a"])
    with pytest.raises(DataError, match="Say which column holds this: label"):
        Mapping(shape="label", fields={"text": "a"}).checked(["a"])
    with pytest.raises(DataError, match='"chosen" is nothing that plain texts have'):
        Mapping(shape="text", fields={"text": "a", "chosen": "a"}).checked(["a"])


def test_every_role_and_shape_has_its_name_in_three_languages_and_its_columns() -> None:
    for language in LANGUAGES:
        said = catalogue(language)
        assert all(f"mapping.shape.{shape}" in said for shape in ROLES)
        assert all(role.title(language) for shape in ROLES for role in ROLES[shape])
    for shape in ROLES:
        for role in ROLES[shape]:
            assert all(name == fold(name) for name in names(role.name)), role
