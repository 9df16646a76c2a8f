"""What the chat's scripts are answered: conversations, refusals at their field, the stream, files."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from backend.chats.model import Answer
from backend.errors import ChatError
from backend.inference.loads import Expected
from backend.jobs.model import NewJob
from studio.routes.chat import add_chat_routes
from studio.services.chats import ChatServices
from studio.text import Words
from studio.views import chat as views
from tests.fake_chats import FakeChats, settled
from tests.fakes import FakeServices, job

SETTINGS = {
    "base": "starter",
    "adapters": ["run:run1"],
    "system": "",
    "temperature": "0",
    "top_p": "1",
    "max_tokens": "64",
    "repetition_penalty": "1",
    "seed": "",
}


@pytest.fixture
def chats(services: FakeServices) -> FakeChats:
    services.jobs |= {"run1": job(1, "first")}
    return services.chats


@pytest.fixture
def page(chats: FakeChats) -> Iterator[TestClient]:
    app = FastAPI()
    add_chat_routes(app, chats)
    with TestClient(app) as client:
        yield client


def asked(page: TestClient, chats: ChatServices, question: str = "Câte?", **more: Any) -> str:
    found = page.post("/chat/ask?language=ro", json={**SETTINGS, "question": question, **more})
    assert found.status_code == 200, found.text
    chat = str(found.json()["chat"])
    settled(chats, chat)
    return chat


def one(page: TestClient, chat: str, language: str = "ro") -> Any:
    return page.get("/chat/one", params={"chat": chat, "language": language}).json()


def test_a_question_is_answered_by_all_and_shown_in_words(page: TestClient, chats: FakeChats) -> None:
    shown = one(page, asked(page, chats))
    assert (shown["title"], shown["answering"]) == ("Câte?", False)
    (turn,) = shown["turns"]
    assert [(one["label"], one["pane"], one["text"].strip()) for one in turn["answers"]] == [
        ("Starter, 2 million", 0, "Câinele are patru picioare."),
        ("first", 1, "Câinele are patru picioare."),
    ]
    assert turn["answers"][0]["detail"].startswith("4 tokeni · ")
    assert turn["answers"][0]["detail"].endswith("context 24 din 100")
    assert page.get("/chat/list").json()["lines"][0]["title"] == "Câte?"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"temperature": "2,5"}, "temperature"),
        ({"temperature": "nan"}, "temperature"),
        ({"temperature": "warm"}, "temperature"),
        ({"temperature": ""}, "temperature"),
        ({"top_p": "0"}, "top_p"),
        ({"top_p": "1e400"}, "top_p"),
        ({"max_tokens": "-5"}, "max_tokens"),
        ({"max_tokens": "1,5"}, "max_tokens"),
        ({"max_tokens": "9" * 400}, "max_tokens"),
        ({"repetition_penalty": "0,5"}, "repetition_penalty"),
        ({"seed": "{0.__class__}"}, "seed"),
        ({"seed": "-1"}, "seed"),
        ({"base": ""}, "base"),
        ({"base": "../../etc"}, ""),
        ({"adapters": ["run:gone"]}, ""),
        ({"adapters": ["run:run1", "a", "b", "c"]}, "adapters"),
        ({"question": " \n"}, "question"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field_and_nothing_is_kept(
    page: TestClient, change: dict[str, Any], field: str
) -> None:
    refused = page.post("/chat/ask?language=it", json={**SETTINGS, "question": "?", **change})
    assert refused.status_code == 422
    assert refused.json()["field"] == field
    assert refused.json()["said"]
    assert page.get("/chat/list").json()["lines"] == []


def test_all_faults_are_found_at_once_and_temperature_zero_is_explained(page: TestClient) -> None:
    found = page.post("/chat/check", json={"temperature": "x", "top_p": "0.5", "max_tokens": "0"}).json()
    assert set(found["faults"]) == {"temperature", "max_tokens"}
    found = page.post("/chat/check", json={"temperature": "0", "max_tokens": "1e2", "seed": ""}).json()
    assert found["faults"] == {}
    assert found["notes"]["temperature"].startswith("Temperature 0 means")
    assert page.post("/chat/check", json={"temperature": "0,3"}).json() == {"faults": {}, "notes": {}}


def test_numbers_with_a_comma_reach_the_engine(page: TestClient, chats: FakeChats) -> None:
    asked(page, chats, temperature="0,7", repetition_penalty="1,25", seed="12345678901234567")
    settings = chats.fake.asked[0][2]
    assert (settings.temperature, settings.repetition_penalty, settings.seed) == (0.7, 1.25, 12345678901234567)


def test_the_stream_gives_every_piece_once_and_ends(page: TestClient, chats: FakeChats) -> None:
    chats.fake.pause = 0.03
    chats.fake.reply = " ".join(f"cuvânt{number}" for number in range(20))
    chat = page.post("/chat/ask", json={**SETTINGS, "question": "?"}).json()["chat"]
    texts: dict[str, str] = {}
    with page.stream("GET", "/chat/stream", params={"chat": chat, "language": "ro"}) as told:
        events = [block.split("\n") for block in "".join(told.iter_text()).split("\n\n") if block]
    assert events[-1][0] == "event: done"
    for name, data in (block for block in events if block[0] == "event: answers"):
        assert name
        for news in json.loads(data.removeprefix("data: ")):
            assert news["from"] == len(texts.get(news["id"], ""))
            texts[news["id"]] = texts.get(news["id"], "") + news["more"]
    shown = one(page, chat)["turns"][0]["answers"]
    assert [answer["text"].startswith(texts[answer["id"]]) for answer in shown] == [True, True]
    assert all(len(text) > 50 for text in texts.values())
    assert page.get("/chat/stream", params={"chat": "nope"}).status_code == 404


def test_stop_keeps_what_was_said(page: TestClient, chats: FakeChats) -> None:
    chats.fake.pause = 0.05
    chat = page.post("/chat/ask", json={**SETTINGS, "question": "?"}).json()["chat"]
    assert one(page, chat)["answering"] is True
    page.post("/chat/stop", json={"chat": chat})
    shown = one(page, chat)
    assert shown["answering"] is False
    assert [answer["said"] for answer in shown["turns"][0]["answers"]] == ["Oprit aici de tine."] * 2


def test_edit_again_and_use_make_new_ways_and_keep_the_old(page: TestClient, chats: FakeChats) -> None:
    chat = asked(page, chats)
    chats.fake.reply = "Altfel"
    old = one(page, chat)["turns"][0]["answers"][0]["id"]
    page.post("/chat/again", json={"chat": chat, "answer": old})
    settled(chats, chat)
    first = one(page, chat)["turns"][0]["answers"][0]
    assert first["text"] == "Altfel "
    assert first["versions"] == [old, first["id"]]
    page.post("/chat/use", json={"chat": chat, "answer": old})
    back = one(page, chat)["turns"][0]["answers"][0]
    assert (back["id"], back["versions"]) == (old, first["versions"])
    page.post("/chat/edit", json={**SETTINGS, "chat": chat, "turn": 0, "question": "Alta?"})
    settled(chats, chat)
    assert one(page, chat)["turns"][0]["question"] == "Alta?"
    assert len(page.get("/chat/list").json()["lines"]) == 2


def test_rename_search_and_delete(page: TestClient, chats: FakeChats) -> None:
    chat = asked(page, chats)
    refused = page.post("/chat/rename?language=it", json={"chat": chat, "title": "  "})
    assert (refused.status_code, refused.json()["field"]) == (422, "title")
    assert page.post("/chat/rename", json={"chat": chat, "title": "<b>Unu</b>"}).json() == {"title": "<b>Unu</b>"}
    assert [line["id"] for line in page.get("/chat/list?search=patru unu").json()["lines"]] == [chat]
    assert page.get("/chat/list?search=nimic").json()["lines"] == []
    assert page.post("/chat/delete", json={"chat": chat}).status_code == 200
    assert page.get("/chat/one", params={"chat": chat}).status_code == 422


def test_thumbs_corrections_and_the_data_set_they_are_too_few_for(page: TestClient, chats: FakeChats) -> None:
    chat = asked(page, chats)
    answer = one(page, chat)["turns"][0]["answers"][1]["id"]
    page.post("/chat/correct", json={"chat": chat, "answer": answer, "corrected": " Două. "})
    page.post("/chat/mark", json={"chat": chat, "answer": answer, "up": False})
    shown = one(page, chat)["turns"][0]["answers"][1]
    assert (shown["up"], shown["corrected"]) == (False, "Două.")
    assert page.get("/chat/list").json()["judged"] == 1
    found = page.get("/chat/judged?language=ro").json()
    (kept,) = found["lines"]
    assert (kept["judged"], kept["question"], kept["words"]) == ("first · corectat", "Câte?", "Două.")
    assert (found["examples"], found["pairs"]) == (1, 1)
    lesson = page.get("/chat/file?kind=pairs")
    assert (json.loads(lesson.text)["chosen"], lesson.headers["content-disposition"]) == (
        "Două.",
        'attachment; filename="pairs.jsonl"',
    )
    refused = page.post("/chat/dataset?language=ro", json={"lesson": "pairs"})
    assert refused.status_code == 422
    assert "10" in refused.json()["said"]
    page.post("/chat/forget", json={"answer": answer})
    assert page.get("/chat/judged").json()["pairs"] == 0
    assert one(page, chat)["turns"][0]["answers"][1]["up"] is False
    page.post("/chat/drop", json={"answer": answer})
    assert page.get("/chat/judged").json()["lines"] == []
    assert one(page, chat)["turns"][0]["answers"][1]["up"] is None


@pytest.mark.parametrize("kind", ["md", "json", "jsonl"])
def test_files_are_downloads(page: TestClient, chats: FakeChats, kind: str) -> None:
    chat = asked(page, chats, "<script>alert(1)</script>")
    got = page.get("/chat/file", params={"kind": kind, "chat": chat})
    assert got.headers["content-disposition"] == f'attachment; filename="conversation-{chat[:8]}.{kind}"'
    assert "html" not in got.headers["content-type"]
    assert "<script>alert(1)</script>" in got.text
    assert page.get("/chat/file", params={"kind": "exe", "chat": chat}).status_code == 404
    assert page.get("/chat/file", params={"kind": kind, "chat": "../x"}).status_code == 404


def test_what_is_in_memory_and_what_unloading_freed(page: TestClient, chats: FakeChats) -> None:
    assert page.get("/chat/loaded").json()["said"] == "In memory: Starter, 2 million; the engine holds 700 MB."
    assert "300 MB" in page.post("/chat/unload", json={}).json()["said"]
    assert page.get("/chat/loaded").json()["said"] == ""
    chats.jobs.workspace.supervisor_status.write_text(json.dumps({"made_room": "first"}), encoding="utf-8")
    said = page.get("/chat/loaded").json()["said"]
    assert said == Words("en").t("chat.made_room", run="first")


@pytest.mark.parametrize("body", [b"{", b"[]", b"[" * 100_000, b'"x"'])
def test_what_is_no_form_is_refused(page: TestClient, body: bytes) -> None:
    assert page.post("/chat/ask", content=body).status_code == 400


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        (Expected("starting", 8.6), "Pornește motorul de chat și se încarcă modelul, cam 9 s."),
        (Expected("starting"), "Pornește motorul de chat și se încarcă modelul."),
        (Expected("loading", 75.0), "Se încarcă modelul, cam 1 min 15 s."),
        (Expected("loading"), "Se încarcă modelul."),
        (Expected("reading"), "Îți citește întrebarea."),
    ],
)
def test_what_is_waited_for_is_said_with_its_time_where_it_is_known(
    page: TestClient, chats: FakeChats, expected: Expected, said: str
) -> None:
    chats.fake.expects, chats.fake.pause = expected, 30
    chat = page.post("/chat/ask", json={**SETTINGS, "question": "?"}).json()["chat"]
    end = time.monotonic() + 10
    while (shown := one(page, chat)["turns"][0]["answers"][0])["said"] != said:
        assert time.monotonic() < end, shown
    page.post("/chat/stop", json={"chat": chat})


def test_a_deleted_run_keeps_its_name_and_a_failure_has_its_sentence(page: TestClient, chats: FakeChats) -> None:
    chats.fake.error = ChatError("chat.too_long", tokens="2 000", context="1 024")
    chat = asked(page, chats)
    del chats.known["run1"]
    failed = one(page, chat, "it")["turns"][0]["answers"][1]
    assert (failed["label"], failed["gone"], failed["retry"]) == ("first", "eliminato", True)
    assert failed["said"].startswith("Il testo ha 2 000 token")


def test_little_context_left_is_said_before_it_is_too_late() -> None:
    words = Words("ro")
    nearly = Answer(model="m", state="done", text="x", tokens=100, prompt_tokens=1700, context=2048)
    assert views.full(nearly, words).startswith("Aproape plin: mai rămân 248 din 2.048")
    assert views.full(nearly.model_copy(update={"prompt_tokens": 100}), words) == ""
    assert views.said(nearly.model_copy(update={"finish": "length"}), None, words).startswith("Întrerupt aici")
    assert views.said(nearly.model_copy(update={"text": " "}), None, words) == "Nu a spus nimic."
    assert "tokeni/s" not in views.detail(nearly.model_copy(update={"seconds": 0.01, "first_seconds": 0.1}), words)
    assert views.detail(nearly.model_copy(update={"seconds": 2.0, "first_seconds": 0.123}), words) == (
        "100 de tokeni · 50 tokeni/s · primul cuvânt după 0,12 s · context 1.800 din 2.048"
    )


@pytest.mark.parametrize(
    ("data", "asked", "language"), [("starter-ro", [], "ro"), ("gone", ["Quante zampe ha?"], "it")]
)
def test_questions_are_offered_in_the_language_that_a_run_was_trained_on(
    page: TestClient, chats: FakeChats, data: str, asked: str, language: str
) -> None:
    recipe = {"watching": {"questions": [{"question": asked}]}}
    run = chats.jobs.submit(chats.person, NewJob("train", "prima", {"data": {"id": data}, "recipe": recipe}))
    assert page.get("/chat/learned", params={"model": f"run:{run.id}"}).json()["language"] == language
    assert page.get("/chat/learned", params={"model": "run:nobody"}).json() == {"language": "", "sees": False}
