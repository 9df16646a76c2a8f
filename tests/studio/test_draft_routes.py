"""What is typed and not sent, as the page leaves it with the studio: the newest wins, bad input changes nothing."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import insert

from backend.drafts import Drafts
from backend.errors import SetupError
from backend.ledger.schema import drafts
from backend.ledger.store import Ledger
from backend.people import HOME, Person
from studio.security import JSON_LIMIT
from studio.services.drafts import FORMS, LONGEST, MyDrafts
from studio.text import Words
from studio.views.pages import page_head
from tests.fakes import FakeServices
from tests.studio.test_security import asked, log_in

TYPED = {"form": "train", "text": '{"recipe": "starter-lora"}', "stamp": "1.a", "age": 0.5}


@pytest.fixture
def mine(tmp_path: Path) -> MyDrafts:
    return opened(tmp_path)


def opened(root: Path) -> MyDrafts:
    return MyDrafts(Drafts(Ledger(root / "ledger.sqlite")), HOME)


def texts(mine: MyDrafts) -> dict[str, str]:
    return {form: one["text"] for form, one in mine.shown().items()}


def test_a_draft_is_there_after_a_restart_and_only_for_its_owner(mine: MyDrafts, tmp_path: Path) -> None:
    assert mine.shown() == {}
    assert mine.take(TYPED)
    again = opened(tmp_path).shown()["train"]
    assert (again["text"], again["stamp"]) == (TYPED["text"], "1.a")
    assert 0.5 <= again["age"] < 60
    somebody = MyDrafts(mine.store, Person("somebody"))
    assert somebody.shown() == {}
    assert somebody.take({**TYPED, "text": "hers"})
    assert texts(mine) == {"train": TYPED["text"]}


def test_the_newest_wins_whichever_comes_last(mine: MyDrafts) -> None:
    assert mine.take({**TYPED, "text": "new", "age": 1})
    assert not mine.take({**TYPED, "text": "typed an hour ago, sent now", "age": 3600})
    assert texts(mine) == {"train": "new"}
    assert mine.take({**TYPED, "text": "", "age": 0})
    assert texts(mine) == {"train": ""}
    assert not mine.take({**TYPED, "text": "of a clock that stood still", "age": 1e300})
    assert mine.take({**TYPED, "form": "question", "text": "of a clock that stood still", "age": 1e300})
    assert texts(mine) == {"train": "", "question": "of a clock that stood still"}


@pytest.mark.parametrize("damage", [[], {"train": 3}, {"train": {"text": 1}}, "train", None])
def test_a_row_that_says_nothing_is_no_reason_not_to_open_the_page(mine: MyDrafts, damage: Any) -> None:
    with mine.store.ledger.write() as rows:
        rows.execute(insert(drafts).values(owner=HOME.id, form=damage, changed_at=1.0))
    assert mine.shown() == {}
    assert mine.take(TYPED)
    assert texts(mine) == {"train": TYPED["text"]}


def test_the_page_is_told_them_as_text_that_cannot_end_its_script(mine: MyDrafts) -> None:
    wild = "</script><script>window.PWN=1</script>\u2028 ș \ud83d"
    assert mine.take({**TYPED, "form": "question", "text": wild})
    head = page_head(Words("ro"), "", "1", mine.shown())
    assert "</script><script>window.PWN" not in head
    told = json.loads(head.split("window.studioPage=", 1)[1].split(";try{", 1)[0])
    assert told["drafts"]["question"]["text"] == wild.replace("\ud83d", "\ufffd")
    assert head.encode()


BAD: list[Any] = [
    {},
    *({**TYPED, "form": form} for form in ("", "other", "../train", "Train", None, 1, ["train"], {})),
    *({**TYPED, "text": text} for text in (None, 1, [], {}, "x" * (LONGEST + 1))),
    *({**TYPED, "stamp": stamp} for stamp in (None, 1, "x" * 61, "ș", "\ud83d")),
    *({**TYPED, "age": age} for age in (None, "1", -1, True, [], float("nan"), float("-inf"))),
]
BODIES = [
    *(json.dumps(one) for one in BAD),
    "",
    "{",
    "null",
    "[]",
    '"train"',
    "[" * 100_000,
    b"\xff\xfe",
    '{"age": ' + "9" * 9999,
]


def test_bad_input_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    async def session(client: httpx.AsyncClient) -> None:
        await log_in(client)
        good = await client.post("/draft", json=TYPED)
        assert (good.status_code, good.json()) == (200, {"kept": True})
        before = FakeServices(tmp_path).drafts.store.of(HOME)
        assert before["train"].text == TYPED["text"]
        for body in BODIES:
            answer = await client.post("/draft", content=body)
            assert answer.status_code == 400, body[:80]
        assert (await client.post("/draft", content=b"x" * (JSON_LIMIT + 1))).status_code == 413
        assert (await client.get("/draft")).status_code == 404
        assert FakeServices(tmp_path).drafts.store.of(HOME) == before

    asked(tmp_path, session)


def test_only_the_page_itself_with_a_session_leaves_drafts(tmp_path: Path) -> None:
    async def session(client: httpx.AsyncClient) -> None:
        assert (await client.post("/draft", json=TYPED)).status_code == 401
        await log_in(client)
        for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}):
            assert (await client.post("/draft", json=TYPED, headers=headers)).status_code == 403
        assert FakeServices(tmp_path).drafts.shown() == {}
        own = {"origin": "http://127.0.0.1:7860", "sec-fetch-site": "same-origin"}
        assert (await client.post("/draft", json=TYPED, headers=own)).status_code == 200

    asked(tmp_path, session)


def test_the_longest_drafts_of_all_forms_are_kept(mine: MyDrafts) -> None:
    for form in FORMS:
        assert mine.take({**TYPED, "form": form, "text": "ș" * LONGEST})
    assert set(texts(mine).values()) == {"ș" * LONGEST}


def test_a_ledger_that_refuses_is_said_and_the_page_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> bool:
        raise SetupError("ledger.disk_full")

    async def session(client: httpx.AsyncClient) -> None:
        await log_in(client)
        monkeypatch.setattr(Drafts, "keep", full)
        assert (await client.post("/draft", json=TYPED)).status_code == 503

    asked(tmp_path, session)
