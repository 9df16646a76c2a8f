"""What is stored of each shape, what is said in it, and how rows that are no chats are asked as chats."""

from pathlib import Path
from typing import Any

import pytest

from backend.data import check, datasets, rows
from backend.data.datasets import Dataset
from backend.data.mapping.recognition import recognise
from backend.data.tasks.asking import Span, as_chat, sentences, span
from backend.errors import DataError
from backend.messages import LANGUAGES

ASKED, ANSWERED = "Ce se vede?", "Un om."
FILE = "pictures/a.png"
SEEN = {"type": "image", "image": FILE}
CHAT = {
    "messages": [
        {"role": "user", "content": [SEEN, {"type": "text", "text": ASKED}]},
        {"role": "assistant", "content": ANSWERED},
    ]
}
HUMAN, GPT = {"from": "human", "value": ASKED}, {"from": "gpt", "value": ANSWERED}
BOT = {"role": "assistant", "content": [{"type": "text", "text": ANSWERED}]}


def kept(reference: Any, _place: str) -> str:
    assert reference == "a.png"
    return FILE


VISUAL = {
    "llava": {"id": "1", "image": "a.png", "conversations": [{"from": "human", "value": f"<image>\n{ASKED}"}, GPT]},
    "llava without a mark": {"id": "1", "image": "a.png", "conversations": [HUMAN, GPT]},
    "llama-factory": {"messages": [{"role": "user", "content": f"<image>{ASKED}"}, BOT], "images": ["a.png"]},
    "llama-factory alpaca": {"instruction": ASKED, "input": "", "output": ANSWERED, "images": ["a.png"]},
    "trl": {"prompt": [{"role": "user", "content": ASKED}], "completion": [BOT], "images": ["a.png"]},
    "parts beside": {"messages": [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": ASKED}]},
                                  BOT], "images": ["a.png"]},
    "axolotl": {"messages": [{"role": "user", "content": [{"type": "image", "path": "a.png"},
                                                          {"type": "text", "text": ASKED}]}, BOT]},
    "unsloth": {"messages": [{"role": "user", "content": [{"type": "image", "image": "a.png"},
                                                          {"type": "text", "text": ASKED}]}, BOT]},
    "openai": {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "a.png"}},
                                                         {"type": "text", "text": ASKED}]}, BOT]},
    "question and answer": {"image": "a.png", "question": ASKED, "answer": ANSWERED},
    "vqa": {"image": "a.png", "image_id": 1, "question_id": 2, "question": ASKED, "multiple_choice_answer": ANSWERED,
            "answers": [{"answer": ANSWERED, "answer_confidence": "yes", "answer_id": 1}]},
    "romanian": {"imagine": "a.png", "întrebare": ASKED, "răspuns": ANSWERED},
    "italian": {"immagine": "a.png", "domanda": ASKED, "risposta": ANSWERED},
}  # fmt: skip


@pytest.mark.parametrize("layout", VISUAL)
def test_every_layout_of_a_chat_about_a_picture_becomes_the_same_chat(layout: str) -> None:
    mapping = recognise(list(VISUAL[layout]), [VISUAL[layout]])
    assert mapping.shape == "visual"
    assert mapping.row(VISUAL[layout], "1", keep=kept) == CHAT


def test_several_pictures_stand_where_the_text_says() -> None:
    values = {
        "images": ["a.png", "b.png"],
        "messages": [{"role": "user", "content": "Unu <image> și doi <image>?"}, BOT],
    }
    row = recognise(list(values), [values]).row(values, "1")
    parts = row["messages"][0]["content"]
    assert [part.get("image") or part["text"].strip() for part in parts] == ["Unu", "a.png", "și doi", "b.png", "?"]
    with pytest.raises(DataError, match="shows more pictures than the row has"):
        recognise(list(values), [values]).row({**values, "images": ["a.png"]}, "1")


CAPTIONS: list[dict[str, Any]] = [
    {"file_name": "a.png", "text": "Un câine."},
    {"image": "a.png", "caption": "Un câine."},
    {"image": "a.png", "caption": ["Un câine."]},
    {"id": 1, "image_id": 5, "file_name": "a.png", "width": 4, "caption": "Un câine."},
    {"immagine": "a.png", "didascalia": "Un câine."},
    {"Fișier": "a.png", "Descriere": "Un câine."},
    {"image": "a.png", "label": "Un câine."},
]


@pytest.mark.parametrize("values", CAPTIONS, ids=lambda values: "-".join(values))
def test_a_picture_with_its_caption(values: dict[str, Any]) -> None:
    mapping = recognise(list(values), [values])
    assert mapping.shape == "caption"
    assert mapping.row(values, "1", keep=kept) == {"image": FILE, "caption": "Un câine."}


def test_a_picture_with_five_captions_becomes_five_rows_and_one_without_is_named() -> None:
    values = {"image": "a.png", "caption": [f"Descrierea {n}." for n in range(5)]}
    mapping = recognise(list(values), [values])
    assert [row["caption"] for row in mapping.rows(values, "1")] == values["caption"]
    with pytest.raises(DataError, match="the picture has no caption"):
        list(mapping.rows({"image": "a.png"}, "1"))


def test_the_names_of_folders_are_captions_where_there_are_no_others() -> None:
    found = [{"image": f"{name}/a.png", "file_name": f"{name}/a.png", "folder": name} for name in ("pisici", "câini")]
    mapping = recognise(list(found[0]), found)
    assert mapping.row(found[1], "2") == {"image": "câini/a.png", "caption": "câini"}
    assert [notice.key for notice in mapping.notices] == ["mapping.folder_names"]
    assert recognise(list(found[0]), found[:1]).missing() == ["caption"]


STORED: list[tuple[str, dict[str, Any], list[str], str, list[str]]] = [
    ("chat", {"messages": [{"role": "user", "content": "A?"}, {"role": "assistant", "content": "B."}]},
     ["A?", "B."], "a?", ["B."]),
    ("text", {"text": "O pagină."}, ["O pagină."], "o pagină.", []),
    ("preference", {"prompt": [{"role": "user", "content": "A?"}], "chosen": "B.", "rejected": "C."},
     ["A?", "B.", "C."], "a?", ["B.", "C."]),
    ("label", {"text": "Bun.", "label": "da"}, ["Bun.", "da"], "bun.", ["da"]),
    ("score", {"first": "A", "second": "B", "score": 2.5}, ["A", "B"], "a b", ["2.5"]),
    ("exam", {"question": "Q", "options": ["x", "y"], "answers": [2]}, ["Q", "x", "y"], "q x y", ["y"]),
    ("caption", {"image": FILE, "caption": "Un om."}, ["Un om."], FILE, ["Un om."]),
    ("visual", CHAT, [ASKED, ANSWERED], f"{FILE} ce se vede?", [ANSWERED]),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "row", "texts", "question", "answers"), STORED)
def test_every_shape_says_what_it_asks_and_teaches(
    shape: str, row: dict[str, Any], texts: list[str], question: str, answers: list[str]
) -> None:
    assert rows.shape(row) == shape
    assert (list(rows.texts(row)), rows.question(row), list(rows.answers(row))) == (texts, question, answers)
    assert rows.pictures(row) == ([FILE] if shape in ("caption", "visual") else [])


EXAM = {"question": "Care organ pompează sângele?", "options": ["ficatul", "inima"], "answers": [2]}


def test_labels_scores_and_exams_are_asked_in_the_language_that_is_wanted() -> None:
    asked = as_chat(EXAM, "ro")["messages"]
    assert asked[0]["content"] == (
        "Care organ pompează sângele?\n\n1. ficatul\n2. inima\n\n"
        "O singură variantă este corectă. Răspunde doar cu numărul ei."
    )
    assert asked[1]["content"] == "2"
    assert as_chat({**EXAM, "answers": [1, 2]}, "it")["messages"][1]["content"] == "1, 2"
    known = span([{"text": "x", "label": "da"}, {"text": "y", "label": "nu"}])
    labelled = as_chat({"text": "Un {labels} bun.", "label": "da"}, "ro", known)["messages"]
    assert labelled[0]["content"].endswith("Un {labels} bun."), "What stands in a text is never filled in."
    assert "da, nu" in labelled[0]["content"]
    scores = [{"first": "a", "second": "b", "score": score} for score in (0.0, 5.0, 2.5)]
    scored = as_chat(scores[2], "it", span(scores))["messages"]
    assert "da 0 a 5" in scored[0]["content"]
    assert scored[1]["content"] == "2.5"


def test_what_is_a_chat_already_stays_as_it_is() -> None:
    assert [as_chat(row, "ro") for _, row, *_ in STORED[:3]] == [row for _, row, *_ in STORED[:3]]
    assert span([]) == Span()


def test_every_language_asks_everything() -> None:
    places = {language: {name: sorted(set(_places(text))) for name, text in sentences(language).items()}
              for language in LANGUAGES}  # fmt: skip
    assert places["en"] == places["ro"] == places["it"]


def _places(text: str) -> list[str]:
    import re

    return re.findall(r"{(\w+)}", text)


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ("exam", "make chats of them in a new version"),
        ("caption", "a recipe for pictures"),
        ("text", "Choose another recipe"),
    ],
)
def test_training_on_another_shape_says_what_to_do(shape: Any, said: str) -> None:
    data = Dataset(id="x", name="mine", path=Path("x"), rows=1, shape=shape, sha256="")
    with pytest.raises(DataError, match=said) as caught:
        check.refuse_other_shape(data, "chat")
    assert all("{" not in caught.value.say(language) for language in LANGUAGES)
    assert all(folder.is_dir() for folder in datasets.SHIPPED)
