"""A review as the scripts are told it: begun, joined, judged blind, compared, settled, made, refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.data import datasets, rows
from backend.data.datasets import Dataset
from backend.data.review import run
from backend.jobs.context import JobContext
from backend.jobs.folder import RunFolder
from backend.messages import LANGUAGES
from backend.people import HOME
from studio.routes.review import add_review_routes
from studio.text import Words
from studio.views.data import rows as row_views
from tests.fakes import FakeServices

ROWS = 12


class Asked:
    """The routes, as the scripts ask them about one data set."""

    def __init__(self, services: FakeServices, dataset: str) -> None:
        app = FastAPI()
        add_review_routes(app, services.reviews)
        self.client, self.known = TestClient(app), {"id": dataset}

    def get(self, path: str, status: int = 200, /, **values: str) -> Any:
        answer = self.client.get(f"/review/{path}", params={"language": "en", **self.known, **values})
        assert answer.status_code == status, answer.text
        return answer.json()

    def post(self, path: str, status: int = 200, /, **values: Any) -> Any:
        answer = self.client.post(f"/review/{path}?language=en", content=json.dumps({**self.known, **values}))
        assert answer.status_code == status, answer.text
        return answer.json()

    def judge(self, who: str, place: int, said: str, status: int = 200, /, **values: Any) -> Any:
        return self.post("judge", status, who=who, which="all", place=str(place), said=said, **values)


@pytest.fixture
def mine(services: FakeServices, tmp_path: Path) -> Dataset:
    lines = [f'{{"question": "Cât fac {n} și 1?", "answer": "{n + 1}."}}' for n in range(ROWS)]
    (tmp_path / "sume.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return datasets.add(HOME, services.reviews.workspace, tmp_path / "sume.jsonl", "sume")


@pytest.fixture
def asked(services: FakeServices, mine: Dataset) -> Asked:
    return Asked(services, mine.id)


def test_nothing_is_begun_without_a_name_that_can_be_kept(asked: Asked) -> None:
    assert asked.get("look") == {"rows": ROWS, "review": None}
    assert asked.post("begin", 422, name=" ", sample="")["field"] == "name"
    assert asked.post("begin", 422, name="Ana", sample="99")["field"] == "sample"
    assert asked.post("begin", 422, name="Ana", sample="multe")["field"] == "sample"
    assert asked.get("look")["review"] is None
    begun = asked.post("begin", name="Ana", sample="")["review"]
    assert (begun["who"], begun["mine"]["said"]) == ("Ana", "0 of 12 judged")
    assert asked.post("join", 422, name="a/b")["field"] == "name"
    assert asked.post("begin", name="ION", sample="")["review"]["who"] == "ION"


def test_each_row_is_told_in_full_and_the_next_one_follows(asked: Asked, services: FakeServices, mine: Dataset) -> None:
    asked.post("begin", name="Ana", sample="")
    first = asked.get("at", who="Ana", which="unseen", place="0", way="0")["at"]
    assert (first["place"], first["head"], first["number"]) == (0, "Row 1 of 12", "")
    assert [turn["text"] for turn in first["row"]["turns"]] == ["Cât fac 0 și 1?", "1."]
    assert [(one["label"], one["value"]) for one in first["fields"]][1] == ("Assistant", "1.")
    told = asked.judge("Ana", 0, "reject", note="greu")
    assert (told["told"], told["at"]["place"]) == ("Rejected", 1)
    assert told["review"]["mine"]["counts"] == "approved: 0 · corrected: 0 · rejected: 1"
    rejected = asked.get("at", who="Ana", which="rejected", place="5", way="-1")["at"]
    assert (rejected["place"], rejected["said"], rejected["note"]) == (0, "reject", "greu")
    undone = asked.post("undo", who="Ana", which="unseen", place="1")
    assert (undone["told"], undone["at"]["place"], undone["at"]["said"]) == ("Taken back", 0, "")
    assert asked.post("undo", who="Ana", which="unseen", place="1")["told"] == "There is nothing to take back."


def test_a_row_that_is_long_is_not_cut_where_it_is_judged() -> None:
    row = {"text": "x" * 9000}
    assert len(row_views.shown(row, Words("en"), row_views.WHOLE)["text"]) == 9000
    assert len(row_views.shown(row, Words("en"))["text"]) == row_views.LONGEST + 1


def test_a_correction_is_checked_at_its_field_and_one_without_a_change_approves(asked: Asked) -> None:
    asked.post("begin", name="Ana", sample="")
    refused = asked.judge("Ana", 0, "edit", 422, values={"messages.1.content": " "})
    assert refused["field"] == "messages.1.content"
    assert asked.judge("Ana", 0, "edit", values={"messages.1.content": "1."})["told"] == "Approved"
    assert asked.judge("Ana", 0, "edit", values={"messages.1.content": "Unu \ud800"})["told"] == "Corrected"
    assert asked.get("at", who="Ana", which="all", place="0")["at"]["row"]["turns"][1]["text"] == "Unu ?"
    # Corrected once more, it is the row as it was that the fields are put into.
    assert asked.judge("Ana", 0, "edit", values={"messages.1.content": "Unu."})["told"] == "Corrected"
    assert asked.get("at", who="Ana", which="all", place="0")["at"]["fields"][1]["value"] == "Unu."


def test_what_is_not_known_is_refused(asked: Asked) -> None:
    assert "Nobody has begun" in asked.get("at", 422, who="Ana")["said"]
    asked.post("begin", name="Ana", sample="")
    assert asked.get("at", 422, who="Dan")["field"] == "name"
    assert asked.get("at", 422, who="")["field"] == "name"
    for place in (ROWS, 10**8):
        assert "not part of this review" in asked.judge("Ana", place, "approve", 422)["said"]
    asked.judge("Ana", 0, "praise", 422)
    asked.judge("Ana", 0, "take", 422, of="Ana")
    asked.judge("Ana", 0, "approve", 422, note="x" * 2001)
    asked.judge("Ana", 0, "approve", values=["x"], note=None)
    for path in ("look", "at"):
        asked.get(path, 422, id="nobody's", who="Ana")
    for path in ("begin", "join", "judge", "undo", "make", "forget"):
        asked.post(path, 422, id="nobody's", who="Ana", name="Ana")
    assert "No row" not in asked.post("make", 422)["said"]


def test_two_judge_blind_are_compared_and_what_they_dispute_is_settled(
    asked: Asked, services: FakeServices, mine: Dataset
) -> None:
    asked.post("begin", name="Ana", sample="")
    asked.post("join", name="Ion")
    for place in range(ROWS):
        asked.judge("Ana", place, "approve")
    theirs = asked.get("at", who="Ion", which="unseen", place="0")
    assert (theirs["at"]["place"], theirs["at"]["said"], theirs["at"]["others"]) == (0, "", [])
    for place in range(10):
        asked.judge("Ion", place, "approve")
    asked.judge("Ion", 10, "edit", values={"messages.1.content": "Unsprezece."})
    state = asked.judge("Ion", 11, "reject", note="nu")["review"]
    assert state["disputed"] == "2 disagreements are not settled"
    (pair,) = state["agreement"]
    assert pair["said"] == "the same verdict on 10 of 12 rows (83 %)."
    assert pair["kappa"] == "Cohen's kappa is 0: no agreement beyond chance."
    settle = {"which": "disagreement", "who": "Ana"}
    first = asked.get("at", **settle, place="0")["at"]
    assert (first["place"], [(one["name"], one["said"]) for one in first["others"]]) == (
        10, [("Ana", "Approved"), ("Ion", "Corrected")],
    )  # fmt: skip
    asked.post("judge", 422, **settle, place="10", said="take", of="Ana")
    following = asked.post("judge", **settle, place="10", said="take", of="Ion")["at"]
    assert (following["place"], following["others"][1]["note"]) == (11, "nu")
    assert asked.post("judge", **settle, place="11", said="reject")["at"] is None
    job = asked.post("make")["job"]
    folder = RunFolder(services.reviews.workspace.run(job))
    assert services.doctor.work(mine.id).action == "review"
    assert "being worked on" in asked.post("make", 422)["said"]
    run.run(JobContext(folder=folder, request={"review": folder.read(folder.request)["review"]}))
    found = list(rows.read(datasets.find(HOME, services.reviews.workspace, services.doctor.made(job)).path))
    assert [row["messages"][1]["content"] for row in found] == [*(f"{n + 1}." for n in range(10)), "Unsprezece."]
    origins = [row_views.shown(row, Words("en"))["origin"] for row in found]
    assert origins[0] == "Approved by Ana, Ion · row 1 before"
    assert origins[10] == "Corrected by Ana, Ion · row 11 before · settled"


def test_a_review_can_be_forgotten_and_begun_of_a_sample(asked: Asked) -> None:
    asked.post("begin", name="Ana", sample="")
    assert asked.post("forget") == {"rows": ROWS, "review": None}
    begun = asked.post("begin", name="Ana", sample="5")["review"]
    assert (begun["mine"]["total"], begun["sampled"]) == (5, "5 rows of 12, drawn by chance")
    shown = asked.get("at", who="Ana", which="all", place="4")["at"]
    assert shown["number"].startswith("row ")
    assert asked.get("at", who="Ana", which="all", place="4", way="1")["at"] is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_of_a_review_is_there_in_every_language(asked: Asked, language: str) -> None:
    asked.post("begin", name="Ana", sample="")
    asked.post("join", name="Ion")
    for place in range(3):
        for who in ("Ana", "Ion"):
            asked.judge(who, place, "approve" if place else "reject")
    shown = asked.get("at", who="Ana", which="all", place="0", language=language)
    text = json.dumps(shown, ensure_ascii=False)
    assert "{" not in "".join(shown["review"]["agreement"][0].values())
    assert "data.review" not in text
