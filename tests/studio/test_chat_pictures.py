"""What the scripts are answered about pictures: brought, shown, asked about, refused, downloaded."""

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from backend.inference import parts
from backend.models.catalogue import Model
from studio.routes.chat import add_chat_routes
from studio.routes.shown import add_picture_routes
from tests import photos
from tests.fake_chats import FakeChats, settled
from tests.fakes import FakeServices, job

ASKED = {"base": "eyes", "adapters": ["run:run1"], "sight": True, "question": "Ce culoare are cercul?"}


@pytest.fixture
def chats(services: FakeServices) -> FakeChats:
    services.jobs |= {"run1": job(1, "first")}
    services.chats.seeing.append(Model(id="eyes", name="Eyes", location="eyes"))
    return services.chats


@pytest.fixture
def page(chats: FakeChats) -> Iterator[TestClient]:
    app = FastAPI()
    add_chat_routes(app, chats)
    add_picture_routes(app, chats)
    with TestClient(app) as client:
        yield client


@pytest.fixture
def picture(page: TestClient) -> str:
    found = page.post("/chat/picture?name=IMG.jpg", content=photos.turned())
    assert found.status_code == 200, found.text
    return str(found.json()["picture"])


def asked(page: TestClient, chats: FakeChats, **more: Any) -> str:
    found = page.post("/chat/ask", json={**ASKED, **more})
    assert found.status_code == 200, found.text
    settled(chats, found.json()["chat"])
    return str(found.json()["chat"])


def test_a_picture_is_shown_again_whole_and_small(page: TestClient, picture: str) -> None:
    whole, small = (page.get("/chat/picture", params={"name": picture, "small": how}) for how in ("", "yes"))
    assert (whole.status_code, small.status_code) == (200, 200)
    assert whole.headers["content-type"] == "image/jpeg"
    assert page.get("/chat/picture", params={"name": "../../ledger.sqlite"}).status_code == 404


def test_what_is_no_picture_is_refused_in_a_sentence(page: TestClient) -> None:
    refused = page.post("/chat/picture?name=a.png&language=ro", content=b"<svg></svg>")
    assert refused.status_code == 422
    assert refused.json()["field"] == "pictures"
    assert "SVG" in refused.json()["said"]


def test_a_question_with_a_picture_reaches_every_model_and_is_shown_with_it(
    page: TestClient, chats: FakeChats, picture: str
) -> None:
    chat = asked(page, chats, pictures=[picture, picture])
    shown = page.get("/chat/one", params={"chat": chat}).json()
    assert shown["turns"][0]["pictures"] == [picture]
    assert sorted(model for _, model, _ in chats.fake.asked) == ["eyes", "run:run1"]  # both are asked at once
    assert all(parts.words(messages[0]["content"]) == ASKED["question"] for messages, _, _ in chats.fake.asked)
    assert page.get("/chat/list").json()["lines"] == []
    assert len(page.get("/chat/list?sight=yes").json()["lines"]) == 1


def test_a_model_that_reads_text_only_is_refused_by_its_name_also_for_a_follow_up(
    page: TestClient, chats: FakeChats, picture: str
) -> None:
    text = {"base": "starter", "adapters": []}
    refused = page.post("/chat/ask", json={**ASKED, **text, "pictures": [picture]})
    assert refused.status_code == 422
    assert "Starter, 2 million" in refused.json()["said"]
    chat = asked(page, chats, pictures=[picture])
    assert page.post("/chat/ask", json={**ASKED, **text, "chat": chat}).status_code == 422
    gone = page.post("/chat/ask", json={**ASKED, "pictures": [f"pictures/{'0' * 64}.jpg"]})
    assert gone.json()["field"] == "pictures"


def test_the_export_is_a_zip_with_the_pictures_and_deleting_lets_judged_ones_stay(
    page: TestClient, chats: FakeChats, picture: str
) -> None:
    chat = asked(page, chats, pictures=[picture])
    raw = page.get("/chat/file", params={"kind": "jsonl", "chat": chat}).content
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        assert archive.namelist() == ["conversation.jsonl", picture]
        line = json.loads(archive.read("conversation.jsonl").splitlines()[0])
    assert line["messages"][0]["content"][0] == {"type": "image", "image": picture}
    answer = chats.one(chat).turns[0].answers[0].id
    page.post("/chat/mark", json={"chat": chat, "answer": answer, "up": True})
    page.post("/chat/delete", json={"chat": chat})
    assert page.get("/chat/picture", params={"name": picture}).status_code == 200
    judged = page.get("/chat/judged?sight=yes").json()
    assert judged["lines"][0]["pictures"] == [picture]
    assert (judged["pictures"], judged["examples"]) == (1, 0)
    assert page.get("/chat/judged").json()["lines"] == []
    raw = page.get("/chat/file?kind=pictures").content
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        assert archive.namelist() == ["pictures.jsonl", picture]


def test_right_answers_are_scored_and_saved_as_tests(page: TestClient, chats: FakeChats, picture: str) -> None:
    chat = asked(page, chats, pictures=[picture], reference="Câinele are patru picioare.")
    shown = page.get("/chat/one", params={"chat": chat, "language": "ro"}).json()["turns"][0]
    assert shown["reference"] == "Câinele are patru picioare."
    assert shown["answers"][0]["scores"] == "Potrivire exactă · F1 1 (pe cuvinte, ca în SQuAD)"
    assert page.post("/chat/test", json={"chat": chat, "turn": 0, "keep": True}).status_code == 200
    page.post("/chat/reference", json={"chat": chat, "turn": 0, "reference": "Patru."})
    shown = page.get("/chat/one", params={"chat": chat, "language": "ro"}).json()["turns"][0]
    assert shown["test"]
    assert shown["answers"][0]["scores"].startswith("Fără potrivire exactă · F1 0,4")
    made = page.post("/chat/tests?language=it", json={}).json()
    assert made["said"] == "Il dataset «Domande di prova con immagini» ha una domanda di prova."
    with zipfile.ZipFile(io.BytesIO(page.get("/chat/file?kind=tests").content)) as archive:
        assert "Patru." in archive.read("tests.jsonl").decode()
    page.post("/chat/reference", json={"chat": chat, "turn": 0, "reference": " "})
    refused = page.post("/chat/test", json={"chat": chat, "turn": 0, "keep": True})
    assert (refused.status_code, refused.json()["field"]) == (422, "reference")
    assert page.post("/chat/tests", json={}).status_code == 422
    assert page.post("/chat/reference", json={"chat": chat, "turn": 7, "reference": "x"}).status_code == 422


def test_the_gallery_has_samples_with_questions_and_says_what_is_missing(page: TestClient) -> None:
    found = page.get("/chat/gallery?language=ro").json()
    assert found["note"] == "Conversația nu are nicio imagine: modelul răspunde doar pe baza cuvintelor."
    first = found["samples"][0]
    assert first["questions"]["ro"][0]["answer"]
    assert page.get("/chat/sampled", params={"file": first["file"]}).headers["content-type"] == "image/png"
    assert page.get("/chat/sampled", params={"file": "../README.md"}).status_code == 404
    assert page.post("/chat/sample", json={"file": first["file"]}).json()["picture"].startswith("pictures/")
