"""A blind comparison as the chat's scripts are told it: nothing that tells the models apart before the choice."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from studio.routes.chat import add_chat_routes
from tests.fake_chats import FakeChats, settled
from tests.fakes import FakeServices, job

ASKED = {"base": "starter", "adapters": ["run:run1"], "blind": True, "question": "Câte?"}


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


def asked(page: TestClient, chats: FakeChats, chat: str = "") -> str:
    found = page.post("/chat/ask", json={**ASKED, "chat": chat})
    assert found.status_code == 200, found.text
    settled(chats, found.json()["chat"])
    return str(found.json()["chat"])


def last(page: TestClient, chat: str) -> Any:
    return page.get("/chat/one", params={"chat": chat, "language": "en"}).json()["turns"][-1]


def prefer(page: TestClient, chat: str, preferred: str, turn: int = 0) -> int:
    return page.post("/chat/prefer", json={"chat": chat, "turn": turn, "preferred": preferred}).status_code


def test_names_are_told_after_the_choice_and_not_before(page: TestClient, chats: FakeChats) -> None:
    chat = asked(page, chats)
    before = last(page, chat)
    assert before["blind"] == {"secret": True, "said": ""}
    assert [one["label"] for one in before["answers"]] == ["Answer A", "Answer B"]
    assert all((one["detail"], one["colour"]) == ("", 0) for one in before["answers"])
    assert not any(name in json.dumps(before) for name in ("run1", "first", "starter", "Starter"))
    assert prefer(page, chat, before["answers"][0]["id"]) == 200
    after = last(page, chat)
    chosen = after["answers"][0]["label"]
    assert chosen in ("first", "Starter, 2 million")
    assert after["blind"]["said"].startswith(f"You preferred {chosen}. Until now: ")
    assert f"{chosen}: 1" in after["blind"]["said"]
    assert after["answers"][0]["detail"]
    assert prefer(page, chat, "tie") == 422


def test_ties_are_counted_and_counts_begin_anew(page: TestClient, chats: FakeChats) -> None:
    chat = asked(page, chats)
    assert prefer(page, chat, "tie") == 200
    assert "no difference: 1" in last(page, chat)["blind"]["said"]
    asked(page, chats, chat)
    assert prefer(page, chat, "uncounted", 1) == 200
    assert last(page, chat)["blind"]["said"].startswith("Not counted. Until now:")
    assert page.post("/chat/anew", json={"chat": chat, "turn": 1}).status_code == 200
    assert last(page, chat)["blind"]["said"] == "Not counted."


def test_one_answer_alone_hides_nothing(page: TestClient, chats: FakeChats) -> None:
    found = page.post("/chat/ask", json={**ASKED, "adapters": []})
    settled(chats, found.json()["chat"])
    shown = last(page, found.json()["chat"])
    assert (shown["blind"], shown["answers"][0]["label"]) == (None, "Starter, 2 million")
