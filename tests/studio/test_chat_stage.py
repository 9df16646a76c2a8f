"""What is rehearsed for a room: put on a key, asked for, shown again as it was answered, taken off."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from backend.models.catalogue import Model
from studio.routes.chat import add_chat_routes
from studio.routes.shown import add_picture_routes
from studio.routes.stage import add_stage_routes
from tests import photos
from tests.fake_chats import FakeChats, settled
from tests.fakes import FakeServices, job

ASKED = {"base": "starter", "adapters": ["run:run1"], "question": "Câte?"}


@pytest.fixture
def chats(services: FakeServices) -> FakeChats:
    services.jobs |= {"run1": job(1, "first")}
    return services.chats


@pytest.fixture
def page(chats: FakeChats) -> Iterator[TestClient]:
    app = FastAPI()
    for add in (add_chat_routes, add_picture_routes, add_stage_routes):
        add(app, chats)
    with TestClient(app) as client:
        yield client


def asked(page: TestClient, chats: FakeChats, **more: Any) -> str:
    found = page.post("/chat/ask", json={**ASKED, **more})
    assert found.status_code == 200, found.text
    settled(chats, found.json()["chat"])
    return str(found.json()["chat"])


def keys(page: TestClient, sight: str = "") -> Any:
    return page.get("/chat/rehearsed", params={"sight": sight, "language": "en"}).json()["rehearsed"]


def turns(page: TestClient, chat: str) -> Any:
    return page.get("/chat/one", params={"chat": chat, "language": "en"}).json()["turns"]


def test_a_question_is_put_on_a_key_played_as_recorded_and_taken_off(page: TestClient, chats: FakeChats) -> None:
    chat = asked(page, chats)
    assert page.post("/chat/rehearse", json={"chat": chat, "turn": 0, "keep": True}).status_code == 200
    assert turns(page, chat)[0]["rehearsed"]
    (key,) = keys(page)
    assert (key["question"], key["pictures"]) == ("Câte?", [])
    assert page.post("/chat/delete", json={"chat": chat}).status_code == 200
    heard = len(chats.fake.asked)
    shown = page.post("/chat/play", json={"chat": "", "id": key["id"]}).json()["chat"]
    (turn,) = turns(page, shown)
    assert [one["text"].strip() for one in turn["answers"]] == ["Câinele are patru picioare."] * 2
    assert all(one["said"].startswith("Recorded on ") for one in turn["answers"])
    assert len(chats.fake.asked) == heard, "what is recorded asks no model"
    assert page.post("/chat/unrehearse", json={"id": key["id"]}).status_code == 200
    assert keys(page) == []
    assert page.post("/chat/play", json={"chat": "", "id": key["id"]}).status_code == 422


def test_what_is_recorded_takes_the_place_of_answers_that_do_not_come(page: TestClient, chats: FakeChats) -> None:
    chat = asked(page, chats)
    page.post("/chat/rehearse", json={"chat": chat, "turn": 0, "keep": True})
    chats.fake.pause = 30
    page.post("/chat/ask", json={**ASKED, "chat": chat})
    time.sleep(0.1)
    assert page.post("/chat/play", json={"chat": chat, "id": keys(page)[0]["id"]}).status_code == 200
    found = turns(page, chat)
    assert len(found) == 2
    assert all(one["said"].startswith("Recorded on ") for one in found[1]["answers"])
    assert page.post("/chat/play", json={"chat": chat, "id": keys(page)[0]["id"]}).status_code == 200
    assert len(turns(page, chat)) == 3


def test_only_whole_answers_are_rehearsed_and_nine_keys_are_all(page: TestClient, chats: FakeChats) -> None:
    chats.fake.reply = ""
    chat = asked(page, chats)
    refused = page.post("/chat/rehearse", json={"chat": chat, "turn": 0, "keep": True})
    assert refused.status_code == 422
    assert "answered whole" in refused.json()["said"]
    chats.fake.reply = "Da."
    for at in range(1, 11):
        asked(page, chats, chat=chat)
        found = page.post("/chat/rehearse", json={"chat": chat, "turn": at, "keep": True})
        assert found.status_code == (200 if at < 10 else 422)
    assert "9 keys" in found.json()["said"]
    assert len(keys(page)) == 9


def test_pictures_have_keys_of_their_own_and_stay_when_the_conversation_goes(
    page: TestClient, chats: FakeChats
) -> None:
    chats.seeing.append(Model(id="eyes", name="Eyes", location="eyes"))
    picture = page.post("/chat/picture?name=IMG.jpg", content=photos.turned()).json()["picture"]
    chat = asked(page, chats, base="eyes", sight=True, pictures=[picture])
    page.post("/chat/rehearse", json={"chat": chat, "turn": 0, "keep": True})
    assert keys(page) == []
    assert keys(page, "yes")[0]["pictures"] == [picture]
    page.post("/chat/delete", json={"chat": chat})
    assert page.get("/chat/picture", params={"name": picture}).status_code == 200
