"""What people type where it does not belong, in every field of the chat: refused there, or taken as plain text."""

import json
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from backend.chats.titles import LONGEST as LONGEST_TITLE
from backend.chats.words import LONGEST
from studio.routes.chat import add_chat_routes
from tests.fake_chats import FakeChats, settled
from tests.fakes import FakeServices, job
from tests.studio.test_chat_routes import SETTINGS

NUMBERS = ("temperature", "top_p", "max_tokens", "repetition_penalty", "seed")
TEXTS = ("question", "system", "corrected", "edited")
EMPTY = ["", " ", "\n\t \n", "\u00a0\u2003", "\u200b", "\u202e\u200b\ufeff"]
# Anything that is a text is a text: nothing in it is a path, a command, markup or a format.
PLAIN = [
    "../../etc", "a/b", "a\\b", "C:\\x", "\\\\host\\x", ".", "..", ".hidden", "name.", "CON", "nul.txt", "LPT1",
    "-rf", "--help", "; touch x", "$(id)", "`id`", "<img src=x onerror=alert(1)>", "<script>alert(1)</script>",
    "[x](javascript:alert(1))", "![x](http://127.0.0.1:1/x.png)", "{0.__class__}", "%s%n", "{{7*7}}",
    "'; DROP TABLE chats;--",
    "Ștefan și Țara", "S\u0327tefan", "👩‍👩‍👧 70 emoji", "مرحبا \u202b\u202e", "ze\u200bro", "<|im_end|>",
    "null", "1e400",
]  # fmt: skip
CONTROL = ["a\0b", "\x1b[31mred", "a\x07", "\x7f", "a\x85b"]
NO_NUMBERS = [
    "abc", "nan", "inf", "-inf", "Infinity", "1e400", "-1", "--1", "1,2,3", "1 2", "0x10", "1_000", "½", "١,٢,٣", 
    "9" * 50,
    "9" * 5000, "{0.__class__}", "%s%n", "<script>alert(1)</script>", "../../etc", "$(id)", "a\0b", "\u202e1", "null",
    "true", "= 1", "1e", "👍", "0,5%", "[1]",
]  # fmt: skip


@pytest.fixture(scope="module")
def chats(tmp_path_factory: pytest.TempPathFactory) -> FakeChats:
    services = FakeServices(tmp_path_factory.mktemp("chats"), {"run1": job(1, "first")})
    services.chats.known["run1"] = job(1, "first")
    return services.chats


@pytest.fixture(scope="module")
def page(chats: FakeChats) -> Iterator[TestClient]:
    app = FastAPI()
    add_chat_routes(app, chats)
    with TestClient(app) as client:
        yield client


@pytest.fixture(scope="module")
def answer(page: TestClient, chats: FakeChats) -> tuple[str, str]:
    """A conversation, and an answer in it."""
    chat = str(page.post("/chat/ask", json={**SETTINGS, "question": "Câte?"}).json()["chat"])
    settled(chats, chat)
    return chat, page.get("/chat/one", params={"chat": chat}).json()["turns"][0]["answers"][0]["id"]


def typed(page: TestClient, chats: FakeChats, place: str, text: str, answer: tuple[str, str]) -> Any:
    """The server's answer to what is typed in a field; an answer begun by it is waited for."""
    chat, said = answer
    if place == "corrected":
        return page.post("/chat/correct?language=ro", json={"chat": chat, "answer": said, "corrected": text})
    if place == "title":
        return page.post("/chat/rename?language=ro", json={"chat": chat, "title": text})
    if place == "edited":
        found = page.post("/chat/edit?language=ro", json={**SETTINGS, "chat": chat, "turn": 0, "question": text})
    else:
        form = {**SETTINGS, "question": "Câte?", "adapters": [], place: text}
        found = page.post("/chat/ask?language=ro", json=form)
    if found.status_code == 200:
        settled(chats, str(found.json()["chat"]))
    return found


def refused(found: Any, field: str, inside: str = "") -> None:
    """A short sentence, in the language of the page, for that field."""
    assert found.status_code == 422, found.text
    said = found.json()
    assert said["field"] == field
    assert said["said"].endswith(".")
    assert len(said["said"]) < 200
    assert inside in said["said"]


@pytest.fixture
def fresh(page: TestClient, chats: FakeChats) -> tuple[str, str]:
    chat = str(page.post("/chat/ask", json={**SETTINGS, "question": "Câte?", "adapters": []}).json()["chat"])
    settled(chats, chat)
    return chat, page.get("/chat/one", params={"chat": chat}).json()["turns"][0]["answers"][0]["id"]


def kept(page: TestClient, place: str, chat: str) -> str:
    """What the studio has kept of a field."""
    turn = page.get("/chat/one", params={"chat": chat}).json()["turns"][0]
    return str({"system": turn["system"], "corrected": turn["answers"][0]["corrected"]}.get(place, turn["question"]))


@pytest.mark.parametrize("place", TEXTS)
def test_every_text_is_taken_as_it_is_and_given_back_as_it_was(
    page: TestClient, chats: FakeChats, fresh: tuple[str, str], place: str
) -> None:
    for text in PLAIN:
        found = typed(page, chats, place, f"{text} ?", fresh)
        assert found.status_code == 200, (text, found.text)
        assert kept(page, place, found.json().get("chat", fresh[0])) == f"{text} ?"


@pytest.mark.parametrize("place", TEXTS)
def test_control_characters_are_named_and_refused_at_their_field(
    page: TestClient, chats: FakeChats, answer: tuple[str, str], place: str
) -> None:
    for text in CONTROL:
        refused(typed(page, chats, place, text, answer), place.replace("edited", "question"), "U+00")


@pytest.mark.parametrize("place", ["question", "edited", "corrected"])
@pytest.mark.parametrize("text", EMPTY)
def test_what_nobody_can_see_is_nothing(
    page: TestClient, chats: FakeChats, answer: tuple[str, str], place: str, text: str
) -> None:
    refused(typed(page, chats, place, text, answer), place.replace("edited", "question"))


@pytest.mark.parametrize("text", EMPTY)
def test_no_system_prompt_is_none(page: TestClient, chats: FakeChats, answer: tuple[str, str], text: str) -> None:
    assert typed(page, chats, "system", text, answer).status_code == 200
    assert [one["role"] for one in chats.fake.asked[-1][0]] == ["user"]


@pytest.mark.parametrize("place", TEXTS)
def test_a_text_that_is_too_long_says_how_long_it_may_be(
    page: TestClient, chats: FakeChats, answer: tuple[str, str], place: str
) -> None:
    field = place.replace("edited", "question")
    most = f"{LONGEST[field]:,}".replace(",", "\u202f")
    refused(typed(page, chats, place, "a" * (LONGEST[field] + 1), answer), field, most)
    refused(typed(page, chats, place, "ș👍" * 1_000_000, answer), field, most)


@pytest.mark.parametrize("place", TEXTS)
def test_half_a_character_becomes_a_question_mark(
    page: TestClient, chats: FakeChats, fresh: tuple[str, str], place: str
) -> None:
    forms: dict[str, tuple[str, dict[str, Any]]] = {
        "corrected": ("correct", {"answer": fresh[1], "corrected": "a\ud800"}),
        "edited": ("edit", {**SETTINGS, "adapters": [], "turn": 0, "question": "a\ud800"}),
    }
    name, form = forms.get(place, ("ask", {**SETTINGS, "adapters": [], "question": "b", place: "a\ud800"}))
    found = page.post(f"/chat/{name}", content=json.dumps({"chat": fresh[0], **form}).encode())
    assert found.status_code == 200, found.text
    settled(chats, fresh[0])
    turn = page.get("/chat/one", params={"chat": fresh[0]}).json()["turns"][-1]
    assert "a?" in (turn["question"], turn["system"], turn["answers"][0]["corrected"])


@pytest.mark.parametrize("place", NUMBERS)
def test_what_is_no_number_is_refused_at_its_field_while_typing_and_when_asking(
    page: TestClient, chats: FakeChats, answer: tuple[str, str], place: str
) -> None:
    before = len(chats.lines())
    for text in [*NO_NUMBERS, *(EMPTY if place != "seed" else EMPTY[4:])]:
        refused(typed(page, chats, place, text, answer), place)
        said = page.post("/chat/check?language=it", json={place: text}).json()["faults"]
        assert list(said) == [place], text
        assert len(said[place]) < 200
        assert "\0" not in said[place]
        assert "\u202e" not in said[place]
    assert len(chats.lines()) == before


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        ("temperature", ["2,0001", "3"]),
        ("top_p", ["0", "0,0", "1,01"]),
        ("max_tokens", ["0", "1,5", "32769", "32.769"]),
        ("repetition_penalty", ["0", "0,99", "2,01"]),
        ("seed", ["1,5", str(2**63)]),
    ],
)
def test_numbers_out_of_range_name_the_range(
    page: TestClient, chats: FakeChats, answer: tuple[str, str], place: str, wrong: list[str]
) -> None:
    for text in wrong:
        refused(typed(page, chats, place, text, answer), place, f"„{text.replace(',', '.')}”" if "," in text else "„")


@pytest.mark.parametrize(
    ("place", "text", "value"),
    [
        ("temperature", " 0,7 ", 0.7),
        ("temperature", "5e-1", 0.5),
        ("temperature", "+1", 1),
        ("top_p", ",5", 0.5),
        ("max_tokens", "1e3", 1000),
        ("max_tokens", "1.000", 1000),
        ("max_tokens", "32,768", 32768),
        ("max_tokens", "1\u202f024", 1024),
        ("repetition_penalty", "1.000", 1),
        ("seed", "12.345.678", 12345678),
        ("seed", "", None),
        ("seed", "  ", None),
    ],
)
def test_numbers_are_read_as_people_write_them(
    page: TestClient, chats: FakeChats, answer: tuple[str, str], place: str, text: str, value: float | None
) -> None:
    assert typed(page, chats, place, text, answer).status_code == 200
    assert getattr(chats.fake.asked[-1][2], place) == value


@pytest.mark.parametrize("text", [*EMPTY, "a" * (LONGEST_TITLE + 1), "👍" * 300, *CONTROL, "ze\u200bro", "\u202eabc"])
def test_a_title_that_cannot_be_is_refused_at_its_field(
    page: TestClient, chats: FakeChats, answer: tuple[str, str], text: str
) -> None:
    refused(typed(page, chats, "title", text, answer), "title")


def test_any_other_title_is_a_title(page: TestClient, chats: FakeChats, fresh: tuple[str, str]) -> None:
    for text in [one for one in PLAIN if not set(one) & set("\u200b\u200d\u202b\u202e")]:
        assert typed(page, chats, "title", text, fresh).status_code == 200, text
        assert page.get("/chat/one", params={"chat": fresh[0]}).json()["title"] == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("text", [*EMPTY, *PLAIN, *CONTROL, "%", "_", "a" * 5000, "👍" * 300])
def test_whatever_is_searched_finds_what_has_it_or_nothing(page: TestClient, text: str) -> None:
    found = page.get("/chat/list", params={"search": text})
    assert found.status_code == 200
    assert isinstance(found.json()["lines"], list)
    assert page.get("/chat/list", params={"search": "nowhere at all"}).json()["lines"] == []


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("ask", {"question": 5}),
        ("ask", {"question": "a", "adapters": 5}),
        ("ask", {"question": "a", "base": ["starter"]}),
        ("ask", {"question": "a", "temperature": {"a": 1}}),
        ("ask", {"question": "a", "chat": "\ud800"}),
        ("edit", {"question": "a", "chat": "x", "turn": "one"}),
        ("edit", {"question": "a", "turn": 10**400}),
        ("again", {"answer": None}),
        ("use", {"chat": {"a": 1}}),
        ("mark", {"up": "yes"}),
        ("correct", {"corrected": 5}),
        ("rename", {"title": None}),
        ("delete", {"chat": "\0"}),
        ("forget", {"answer": "\ud800"}),
    ],
)
def test_what_no_form_of_ours_sends_is_refused_and_never_breaks_the_page(
    page: TestClient, answer: tuple[str, str], name: str, form: dict[str, Any]
) -> None:
    sent = {**SETTINGS, "adapters": [], "chat": answer[0], **form}
    found = page.post(f"/chat/{name}", content=json.dumps(sent).encode())
    assert found.status_code == 422 or (name == "ask" and form.get("adapters") == 5), found.text
