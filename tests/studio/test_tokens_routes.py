"""Rows as tokens, as the scripts are told them: which recipes fit, which tokens are learned, what cannot be asked."""

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.data import datasets
from backend.people import HOME
from studio.routes.tokens import add_token_routes
from tests.fakes import FakeServices


@pytest.fixture
def client(services: FakeServices) -> TestClient:
    app = FastAPI()
    add_token_routes(app, services.tokens)
    return TestClient(app)


def look(client: TestClient, status: int = 200, /, **values: Any) -> Any:
    asked = {"id": "starter-ro", "recipe": "starter-lora", "model": "starter", "first": 1, **values}
    answer = client.post("/tokens/look?language=ro", json=asked)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_only_recipes_that_learn_from_such_rows_are_offered(client: TestClient) -> None:
    offered = {
        name: {one["value"] for one in client.get(f"/tokens/choices?id={name}&language=it").json()["recipes"]}
        for name in ("starter-ro", "starter-ro-plain", "starter-pairs")
    }
    assert "starter-lora" in offered["starter-ro"]
    assert not offered["starter-ro"] & offered["starter-ro-plain"]
    assert not offered["starter-ro"] & offered["starter-pairs"]
    found = client.get("/tokens/choices?id=starter-ro&language=it").json()
    first = next(one for one in found["recipes"] if one["value"] == "starter-lora")
    assert (first["model"], first["length"]) == ("starter", "Al massimo 256 token per riga")
    assert "starter" in [one["value"] for one in found["models"]]


def test_rows_are_shown_three_at_a_time_with_what_is_learned(client: TestClient, services: FakeServices) -> None:
    found = look(client)
    assert (found["first"], found["next"], len(found["rows"])) == (1, 4, 3)
    pieces = found["rows"][0]["pieces"]
    assert {how for _, _, how in pieces} == {"learned", "read"}
    learned = sum(how == "learned" for _, _, how in pieces)
    assert found["rows"][0]["said"] == f"rândul 1 · {len(pieces)} de tokeni · {learned} învățați"
    assert "".join(text for text, _, _ in pieces).startswith("<|im_start|>user\n")
    last = datasets.find(HOME, services.tokens.workspace, "starter-ro").rows
    assert look(client, first=10**9)["next"] == last + 1


def test_what_is_not_there_is_refused_in_a_sentence(client: TestClient) -> None:
    assert client.get("/tokens/choices?id=nothing").status_code == 422
    for wrong in ({"id": "nothing"}, {"recipe": "nothing"}, {"model": "../x"}, {"id": "starter-pairs"}):
        assert look(client, 422, **wrong)["said"].endswith(".")
