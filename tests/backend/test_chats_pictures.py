"""Conversations about pictures: brought, asked about, kept, handed on, let go."""

import io
import json
import os
import time
import zipfile
from pathlib import Path

import pytest

from backend.chats import export
from backend.chats.desk import Desk
from backend.chats.feedback import Feedback, Mark, named
from backend.chats.model import Choices, Conversation, Turn
from backend.chats.pictures import samples, take
from backend.chats.pictures.exam import Exam
from backend.chats.pictures.kept import LEFT_SECONDS, MOST_BYTES, Pictures
from backend.chats.pictures.scores import score
from backend.chats.store import Chats
from backend.data.rows import read
from backend.errors import AccessError, ChatError, DataError
from backend.inference import parts, wire
from backend.ledger.store import Ledger
from backend.messages import LANGUAGES
from backend.paths import Workspace
from backend.people import HOME, Person
from tests import photos
from tests.fake_chats import FakeEngine

OTHER = Person("other")
EYES = Choices(base="eyes", adapters=("run:a",), sight=True)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path).create()


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(replies={"eyes": "It is red.", "run:a": "Este roșu."})


@pytest.fixture
def desk(workspace: Workspace, engine: FakeEngine) -> Desk:
    return Desk(Chats(Ledger(workspace.ledger)), Pictures(workspace), lambda person: engine, lambda person: None)


def stored(workspace: Workspace, shade: int = 0, person: Person = HOME) -> str:
    """A picture in the workspace, taken in this process: starting another one is tried once."""
    folder = Pictures(workspace).folder(person)
    return str(take.take(folder, "x.png", MOST_BYTES, photos.written(photos.drawn(shade=shade)))["stored"])


def asked(desk: Desk, question: str, *pictures: str, chat: str | None = None, choices: Choices = EYES) -> Conversation:
    made = desk.ask(HOME, chat, Turn(question=question, choices=choices, pictures=pictures), {})
    end = time.monotonic() + 60
    while desk.running(made.id) is not None:
        assert time.monotonic() < end, "the answers did not end"
        time.sleep(0.01)
    return desk.get(HOME, made.id)


def test_a_picture_is_taken_in_upright_without_its_place_and_what_is_none_is_refused(workspace: Workspace) -> None:
    pictures = Pictures(workspace)
    name = pictures.take(HOME, "Poză/IMG_1.jpg", photos.turned())
    assert name == pictures.take(HOME, "again.jpg", photos.turned())
    assert b"Exif" not in pictures.find(HOME, name).read_bytes()
    assert pictures.find(HOME, name, small=True) != pictures.find(HOME, name)
    with pytest.raises(DataError, match="looks like HTML"):
        pictures.take(HOME, "a\x00.png", b"<html>")
    with pytest.raises(DataError, match="20 MB"):
        pictures.take(HOME, "large.png", b"x" * (MOST_BYTES + 1))
    with pytest.raises(AccessError):
        pictures.find(OTHER, name)


@pytest.mark.parametrize("name", ["../ledger.sqlite", "pictures/../../ledger.sqlite", "pictures/small/a.jpg", "", "x"])
def test_nothing_else_of_the_workspace_can_be_named(workspace: Workspace, name: str) -> None:
    with pytest.raises(AccessError):
        Pictures(workspace).find(HOME, name)


def test_what_takes_too_many_bytes_once_it_is_stored_is_refused(workspace: Workspace) -> None:
    found = take.take(Pictures(workspace).folder(HOME), "a.png", 10, photos.written(photos.drawn()))
    assert found["key"] == "pictures.too_heavy"


def test_the_engine_is_sent_the_pictures_of_this_question_and_of_those_before(
    desk: Desk, engine: FakeEngine, workspace: Workspace
) -> None:
    one, two = stored(workspace), stored(workspace, 9)
    chat = asked(desk, "Ce culoare?", one).id
    asked(desk, "Și aici?", two, chat=chat)
    heard = wire.messages(engine.asked[2][0])
    assert [message["role"] for message in heard] == ["user", "assistant", "user"]
    folder = Pictures(workspace).folder(HOME)
    assert parts.pictures(heard) == [(folder / name).read_bytes() for name in (one, two)]
    assert parts.words(heard[2]["content"]) == "Și aici?"
    assert desk.chats.get(HOME, chat).pictures == (one, two)


def test_who_comes_later_is_shown_the_pictures_that_others_were_asked_about(
    desk: Desk, engine: FakeEngine, workspace: Workspace
) -> None:
    chat = asked(desk, "Ce culoare?", stored(workspace)).id
    asked(desk, "Și forma?", chat=chat, choices=EYES.model_copy(update={"adapters": ("run:b",)}))
    late = next(wire.messages(messages) for messages, model, _ in engine.asked if model == "run:b")
    assert [message["role"] for message in late] == ["user"]
    assert len(parts.pictures(late)) == 1


def test_too_many_too_heavy_or_missing_pictures_are_refused_before_anything_is_written(
    desk: Desk, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = stored(workspace)
    chat = asked(desk, "?", *[name] * 10).id
    with pytest.raises(ChatError, match="20 pictures; at most 16"):
        asked(desk, "?", *[name] * 10, chat=chat)
    with pytest.raises(AccessError, match="Add it again"):
        asked(desk, "?", f"pictures/{'0' * 64}.png")
    monkeypatch.setattr("backend.chats.pictures.kept.MOST_TOGETHER", 10)
    with pytest.raises(ChatError, match="together"):
        asked(desk, "?", name)
    assert len(desk.chats.lines(HOME, sight=True)) == 1
    assert len(desk.get(HOME, chat).turns) == 1


def test_conversations_about_pictures_have_a_list_of_their_own(desk: Desk, workspace: Workspace) -> None:
    asked(desk, "Salut", choices=Choices(base="starter"))
    asked(desk, "Ce vezi?", stored(workspace), choices=Choices(base="eyes"))
    assert [line.title for line in desk.chats.lines(HOME)] == ["Salut"]
    assert [line.title for line in desk.chats.lines(HOME, sight=True)] == ["Ce vezi?"]


def test_it_is_exported_with_its_pictures(desk: Desk, workspace: Workspace) -> None:
    name = stored(workspace)
    found = asked(desk, "Ce culoare?", name)
    said = export.jsonl(found, {})
    assert named(said) == {name}
    raw = export.packed(export.markdown(found, {}), "conversation.md", {name: Pictures(workspace).find(HOME, name)})
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        assert archive.namelist() == ["conversation.md", name]
        assert f"![]({name})" in archive.read("conversation.md").decode()


def test_good_and_corrected_answers_become_rows_with_pictures_and_no_text_lesson(
    desk: Desk, workspace: Workspace
) -> None:
    feedback = Feedback(desk.chats.ledger)
    for shade in range(12):
        found = asked(desk, f"Ce culoare {shade}?", stored(workspace, shade))
        feedback.mark(HOME, found, found.turns[0].answers[0].id, Mark(corrected="Roșu."))
        feedback.mark(HOME, found, found.turns[0].answers[1].id, Mark(up=False))
    assert feedback.jsonl(HOME, "examples") == feedback.jsonl(HOME, "pairs") == ""
    made = feedback.as_dataset(HOME, workspace, "pictures", "Poze")
    assert (made.shape, made.rows) == ("visual", 12)
    row = next(iter(read(made.path)))
    shown = row["messages"][0]["content"][0]["image"]
    assert (made.path.parent / shown).read_bytes() == Pictures(workspace).find(HOME, shown).read_bytes()
    assert row["messages"][-1] == {"role": "assistant", "content": "Roșu."}
    assert json.loads(feedback.jsonl(HOME, "pictures").splitlines()[0])["chat_judged"] == "corrected"


def test_pictures_that_nobody_names_are_removed_after_a_day(desk: Desk, workspace: Workspace) -> None:
    pictures = desk.pictures
    kept, lost, fresh = (stored(workspace, shade) for shade in range(3))
    asked(desk, "Ce vezi?", kept)
    long_ago = time.time() - LEFT_SECONDS - 60
    for name in (kept, lost):
        os.utime(pictures.find(HOME, name), (long_ago, long_ago))
    pictures.keep_only(HOME, desk.chats.pictures(HOME))
    assert pictures.find(HOME, kept).is_file()
    assert pictures.find(HOME, fresh).is_file()
    with pytest.raises(AccessError):
        pictures.find(HOME, lost)


@pytest.mark.parametrize(
    ("answer", "reference", "exact", "f1"),
    [
        ("It is a red circle.", "it is red circle", True, 1.0),
        ("Este roşu!", "Este roșu.", True, 1.0),
        ("Two red circles", "red circles", False, 0.8),
        ("blue", "red", False, 0.0),
        ("", "red", False, 0.0),
        ("the", "a", True, 1.0),
    ],
)
def test_scores_are_those_of_squad(answer: str, reference: str, exact: bool, f1: float) -> None:
    found = score(answer, reference)
    assert (found.exact, round(found.f1, 6)) == (exact, f1)


def test_questions_with_their_right_answers_make_a_test_set_that_outlives_their_conversation(
    desk: Desk, workspace: Workspace
) -> None:
    exam, one, two = Exam(desk.chats.ledger), stored(workspace), stored(workspace, 9)
    chat = asked(desk, "Ce culoare?", one).id
    found = asked(desk, "Și aici?", two, chat=chat)
    with pytest.raises(ChatError, match="right answer first"):
        exam.save(HOME, found, 1)
    exam.save(HOME, desk.refer(HOME, chat, 1, " Albastru. "), 1)
    (row,) = exam.rows(HOME)
    assert [part.get("image") for part in row["messages"][0]["content"]] == [one, two, None]
    exam.save(HOME, desk.refer(HOME, chat, 0, "Roșu."), 1)
    (row,) = exam.rows(HOME)
    assert [message["role"] for message in row["messages"]] == ["user", "assistant", "user", "assistant"]
    desk.delete(HOME, chat)
    made = exam.as_dataset(HOME, workspace, "Test")
    assert (made.shape, made.rows) == ("visual", 1)
    assert exam.as_dataset(HOME, workspace, "Test") == made
    assert next(iter(read(made.path)))["part"] == "test"
    assert (made.path.parent / two).is_file()
    exam.drop(HOME, found.turns[1].id)
    with pytest.raises(ChatError, match="No question"):
        exam.as_dataset(HOME, workspace, "Test")
    with pytest.raises(AccessError):
        desk.refer(OTHER, chat, 0, "x")


def test_the_samples_that_ship_are_pictures_with_questions_in_every_language() -> None:
    for one in samples.shipped():
        assert samples.path(one.file).is_file()
        assert all(one.questions[language] for language in LANGUAGES)
    with pytest.raises(AccessError):
        samples.path("../README.md")
