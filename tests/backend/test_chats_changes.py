"""Who looks on is told which conversations have changed, each once, and nothing of answers on their way."""

from pathlib import Path

import pytest

from backend.chats.changes import Changes
from backend.chats.desk import Desk
from backend.chats.model import Choices, Turn
from backend.chats.pictures.kept import Pictures
from backend.chats.store import Chats
from backend.errors import AccessError
from backend.ledger.store import Ledger
from backend.paths import Workspace
from backend.people import HOME
from tests.fake_chats import FakeEngine


def test_what_changed_since_a_number_comes_newest_first_and_once() -> None:
    changes = Changes()
    for chat in ("a", "b", "a", "c"):
        changes.tell(chat)
    assert changes.number == 4
    assert changes.since(0) == ["c", "a", "b"]
    assert changes.since(2) == ["c", "a"]
    assert changes.since(4) == []
    assert Changes().id != changes.id


def test_everything_that_changes_a_conversation_is_told_and_half_answers_are_not(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path).create()
    chats = Chats(Ledger(workspace.ledger))
    desk = Desk(chats, Pictures(workspace), lambda person: FakeEngine(pause=30), lambda person: None)
    made = desk.ask(HOME, None, Turn(question="Câte?", choices=Choices(base="starter")), {})
    assert chats.changes.since(0) == [made.id]
    asked = chats.changes.number
    chats.keep(HOME, made.id, {})
    assert chats.changes.number == asked
    for change in (
        lambda: desk.stop(HOME, made.id),
        lambda: chats.rename(HOME, made.id, "Alt nume"),
        lambda: desk.delete(HOME, made.id),
    ):
        before = chats.changes.number
        change()
        assert chats.changes.since(before) == [made.id]
    with pytest.raises(AccessError):
        chats.rename(HOME, made.id, "Gone")
    chats.ledger.close()
