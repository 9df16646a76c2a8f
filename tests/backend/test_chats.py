"""Conversations: asked, kept, found again, changed, exported, corrected; and what a dead process leaves behind."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from backend.chats import export, presets, titles
from backend.chats.desk import Desk
from backend.chats.feedback import Feedback, Mark, examples, pairs
from backend.chats.model import Choices, Conversation, Turn
from backend.chats.pictures.kept import Pictures
from backend.chats.store import Chats
from backend.data import reading
from backend.data.rows import read
from backend.errors import AccessError, ChatError, DataError, JobError
from backend.inference.sampling import Sampling
from backend.ledger.store import Ledger
from backend.paths import Workspace
from backend.people import HOME, Person
from tests.fake_chats import FakeEngine

OTHER = Person("other")
LABELS = {"starter": "Starter", "run:a": "first", "run:b": "second"}
BOTH = Choices(base="starter", adapters=("run:a",))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path).create()


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(replies={"starter": "It has two legs.", "run:a": "Are două picioare."})


def desk_on(workspace: Workspace, engine: FakeEngine) -> Desk:
    return Desk(Chats(Ledger(workspace.ledger)), Pictures(workspace), lambda person: engine, lambda person: None)


@pytest.fixture
def desk(workspace: Workspace, engine: FakeEngine) -> Iterator[Desk]:
    made = desk_on(workspace, engine)
    yield made
    made.chats.ledger.close()


def settle(desk: Desk, chat: str) -> Conversation:
    end = time.monotonic() + 60
    while desk.running(chat) is not None:
        assert time.monotonic() < end, "the answers did not end"
        time.sleep(0.01)
    return desk.get(HOME, chat)


def asked(desk: Desk, question: str, chat: str | None = None, choices: Choices = BOTH) -> Conversation:
    return settle(desk, desk.ask(HOME, chat, Turn(question=question, choices=choices), LABELS).id)


def until(true: Callable[[], Any]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def test_who_asks_while_the_last_answers_are_still_being_kept_is_not_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = Chats.change

    def slowly(*arguments: Any) -> Conversation:
        time.sleep(0.3)
        return keep(*arguments)

    chat = desk.ask(HOME, None, Turn(question="Cine ești?", choices=BOTH), LABELS).id
    monkeypatch.setattr(Chats, "change", slowly)
    until(lambda: (running := desk.running(chat)) is None or running.done)
    assert desk.running(chat) is not None, "it was kept before anybody could ask"
    assert len(asked(desk, "Și acum?", chat).turns) == 2


def test_one_question_goes_to_all_and_their_answers_are_kept(desk: Desk) -> None:
    found = asked(desk, "  Câte picioare are pinguinul? ")
    assert found.title == "Câte picioare are pinguinul?"
    (turn,) = found.turns
    assert [(one.label, one.text.strip(), one.state) for one in turn.answers] == [
        ("Starter", "It has two legs.", "done"),
        ("first", "Are două picioare.", "done"),
    ]
    first = turn.answers[0]
    assert (first.tokens, first.prompt_tokens, first.context, first.finish) == (4, 20, 100, "stop")
    assert first.first_seconds is not None
    assert desk.chats.get(HOME, found.id) == found


def test_each_model_hears_its_own_answers_only_and_one_that_came_later_no_others(
    desk: Desk, engine: FakeEngine
) -> None:
    chat = asked(desk, "Unu?").id
    asked(desk, "Doi?", chat, Choices(base="starter", adapters=("run:a", "run:b"), system="Scurt."))
    heard = {model: messages for messages, model, _ in engine.asked[2:]}
    system, question = {"role": "system", "content": "Scurt."}, {"role": "user", "content": "Doi?"}
    assert heard["run:b"] == [system, question]
    said = [one["content"].strip() for one in heard["run:a"]]
    assert said == ["Scurt.", "Unu?", "Are două picioare.", "Doi?"]
    assert [one["content"].strip() for one in heard["starter"]][2] == "It has two legs."


def test_settings_reach_the_engine_and_stay_with_the_conversation(desk: Desk, engine: FakeEngine) -> None:
    sampling = Sampling(temperature=0.7, top_p=0.9, max_tokens=12, repetition_penalty=1.2, seed=3)
    found = asked(desk, "?", choices=Choices(base="starter", sampling=sampling))
    assert engine.asked[0][2] == sampling
    assert found.choices.sampling == found.turns[0].choices.sampling == sampling


def test_nothing_is_asked_twice_at_once_and_nothing_empty(desk: Desk, engine: FakeEngine) -> None:
    with pytest.raises(ChatError, match="Write a question"):
        desk.ask(HOME, None, Turn(question=" \n ", choices=BOTH), LABELS)
    engine.pause = 0.2
    chat = desk.ask(HOME, None, Turn(question="Unu?", choices=BOTH), LABELS).id
    with pytest.raises(ChatError, match="still being answered"):
        desk.ask(HOME, chat, Turn(question="Doi?", choices=BOTH), LABELS)
    desk.stop(HOME, chat)
    assert len(desk.get(HOME, chat).turns) == 1


def test_stopping_hangs_up_and_keeps_what_was_said(desk: Desk, engine: FakeEngine) -> None:
    engine.pause = 0.05
    engine.replies = {"starter": "una " * 200, "run:a": "doi " * 200}
    chat = desk.ask(HOME, None, Turn(question="Numără.", choices=BOTH), LABELS).id
    until(lambda: all(one.text for one in desk.get(HOME, chat).turns[0].answers))
    desk.stop(HOME, chat)
    stopped = desk.get(HOME, chat)
    assert [one.state for one in stopped.turns[0].answers] == ["stopped", "stopped"]
    assert all(one.text for one in stopped.turns[0].answers)
    until(lambda: all(stream.closed for stream in engine.streams))
    time.sleep(0.1)
    assert desk.get(HOME, chat) == stopped
    engine.pause = 0
    assert asked(desk, "Mai departe", chat, Choices(base="starter")).turns[1].answers[0].state != "stopped"


def test_what_a_dead_process_was_writing_is_kept_and_shown_as_interrupted(
    workspace: Workspace, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.chats.desk.SAVE_SECONDS", 0.05)
    engine.pause = 0.02
    engine.replies = {"starter": "una " * 500}
    dying, heir = desk_on(workspace, engine), desk_on(workspace, engine)
    chat = dying.ask(HOME, None, Turn(question="Numără.", choices=Choices(base="starter")), LABELS).id
    until(lambda: heir.get(HOME, chat).turns[0].answers[0].text)
    seen = heir.get(HOME, chat).turns[0].answers[0]
    assert seen.state == "interrupted"
    assert dying.get(HOME, chat).turns[0].answers[0].state == "writing"
    dying.stop(HOME, chat)
    engine.pause = 0
    engine.replies = {"starter": "gata"}
    again = settle(heir, heir.again(HOME, chat, seen.id).id)
    assert again.turns[0].answers[0].text == "gata "


def test_a_failure_is_kept_with_its_reason_and_can_be_tried_again(desk: Desk, engine: FakeEngine) -> None:
    engine.error = ChatError("chat.too_long", tokens="2 000", context="1 024")
    found = asked(desk, "?", choices=Choices(base="starter"))
    (failed,) = found.turns[0].answers
    assert (failed.state, failed.error, failed.error_values["context"]) == ("failed", "chat.too_long", "1 024")
    engine.error = None
    retried = settle(desk, desk.again(HOME, found.id, failed.id).id).turns[0]
    assert retried.answers[0].state == "done"


def test_an_engine_that_does_not_come_is_said_after_a_while(
    desk: Desk, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.chats.desk.ENGINE_SECONDS", 0.0)
    engine.is_ready = False
    (failed,) = asked(desk, "?", choices=Choices(base="starter")).turns[0].answers
    assert failed.error == "chat.not_started"


def test_an_answer_written_again_keeps_the_earlier_one_which_can_be_put_back(desk: Desk, engine: FakeEngine) -> None:
    found = asked(desk, "?")
    old = found.turns[0].answers[1]
    engine.replies["run:a"] = "Altfel."
    found = settle(desk, desk.again(HOME, found.id, old.id).id)
    assert [one.text.strip() for one in found.turns[0].answers] == ["It has two legs.", "Altfel."]
    assert found.turns[0].earlier == (old,)
    back = desk.use(HOME, found.id, old.id)
    assert back.turns[0].answers[1] == old
    assert [one.text.strip() for one in back.turns[0].earlier] == ["Altfel."]
    longer = asked(desk, "Mai mult", found.id)
    with pytest.raises(ChatError, match="Only the last answers"):
        desk.again(HOME, longer.id, old.id)
    assert desk.running(longer.id) is None


def test_an_edited_question_goes_on_from_there_and_the_old_way_stays_in_the_list(desk: Desk) -> None:
    chat = asked(desk, "Unu?").id
    before = asked(desk, "Doi?", chat)
    asked_instead = before.turns[0].model_copy(update={"question": "Zero?"})
    after = settle(desk, desk.edit(HOME, chat, 0, asked_instead, LABELS).id)
    assert [turn.question for turn in after.turns] == ["Zero?"]
    assert after.title == "Zero?"
    kept = [desk.get(HOME, line.id) for line in desk.chats.lines(HOME) if line.id != chat]
    assert [(one.title, one.turns) for one in kept] == [("Unu?", before.turns)]
    with pytest.raises(AccessError):
        desk.edit(HOME, chat, 5, asked_instead, LABELS)


def test_the_list_is_newest_first_and_finds_words_of_titles_and_answers_without_accents(desk: Desk) -> None:
    first, second = asked(desk, "Capitala Bulgariei?").id, asked(desk, "Știința % și _arta_").id
    assert [line.id for line in desk.chats.lines(HOME)] == [second, first]
    assert [line.id for line in desk.chats.lines(HOME, "stiinta ARTA")] == [second]
    assert [line.id for line in desk.chats.lines(HOME, "doua picioare bulgariei")] == [first]
    assert [line.id for line in desk.chats.lines(HOME, "%")] == [second]
    assert desk.chats.lines(HOME, "' OR 1=1 --") == []


def test_nobody_sees_changes_or_stops_what_is_somebody_elses(desk: Desk) -> None:
    chat = asked(desk, "Secret?").id
    assert desk.chats.lines(OTHER) == []
    for act in (
        lambda: desk.get(OTHER, chat),
        lambda: desk.stop(OTHER, chat),
        lambda: desk.delete(OTHER, chat),
        lambda: desk.chats.rename(OTHER, chat, "mine"),
        lambda: desk.ask(OTHER, chat, Turn(question="?", choices=BOTH), LABELS),
        lambda: desk.use(OTHER, chat, "x"),
    ):
        with pytest.raises(AccessError):
            act()
    assert desk.running(chat) is None


def test_a_deleted_conversation_is_gone_even_while_it_is_answered(desk: Desk, engine: FakeEngine) -> None:
    engine.pause = 0.05
    chat = desk.ask(HOME, None, Turn(question="?", choices=BOTH), LABELS).id
    desk.delete(HOME, chat)
    with pytest.raises(AccessError):
        desk.get(HOME, chat)
    until(lambda: all(stream.closed for stream in engine.streams))


@pytest.mark.parametrize("title", ["", "  ", "a" * 101])
def test_a_name_that_cannot_be_is_refused(desk: Desk, title: str) -> None:
    with pytest.raises(ChatError, match="1 to 100 characters"):
        desk.chats.rename(HOME, asked(desk, "?").id, title)


@pytest.mark.parametrize("title", ["a\0b", "a\nb", "\x1b[31m", "a\u202eb", "a\u200bb"])
def test_invisible_characters_have_no_place_in_a_name(title: str) -> None:
    with pytest.raises(JobError, match="invisible or control character"):
        titles.check(title)


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("Ce\u202e  zi\te azi?\nrest", "Ce zi e azi?"),
        ("\n\n<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
        ("\u200b", "…"),
        ("cuvânt " * 20, "cuvânt cuvânt cuvânt cuvânt cuvânt cuvânt cuvânt cuvânt…"),
        ("x" * 90, "x" * 60 + "…"),
    ],
)
def test_the_title_is_the_first_line_of_the_first_question(question: str, title: str) -> None:
    assert titles.of_question(question) == title
    assert titles.check(title) == title


def test_thumbs_and_corrections_are_kept_and_taken_back(desk: Desk) -> None:
    feedback = Feedback(desk.chats.ledger)
    found = asked(desk, "Câte?")
    one = found.turns[0].answers[0].id
    feedback.mark(HOME, found, one, Mark(up=False))
    assert feedback.of(HOME, found) == {one: Mark(up=False)}
    feedback.mark(HOME, found, one, Mark(up=False, corrected=" Are două. "))
    (example,) = examples(feedback.judged(HOME))
    asking = {"role": "user", "content": "Câte?"}
    assert example["messages"] == [asking, {"role": "assistant", "content": "Are două."}]
    assert feedback.judged(OTHER) == []
    assert feedback.of(OTHER, found) == {}
    with pytest.raises(AccessError):
        feedback.forget(OTHER, one)
    feedback.mark(HOME, found, one, Mark())
    assert feedback.of(HOME, found) == {}


def test_a_correction_leads_up_with_corrected_answers_and_without_the_disliked(desk: Desk) -> None:
    feedback = Feedback(desk.chats.ledger)
    chat = asked(desk, "Unu?").id
    asked(desk, "Doi?", chat)
    found = asked(desk, "Trei?", chat)
    first, second, third = (turn.answers[0].id for turn in found.turns)
    feedback.mark(HOME, found, first, Mark(None, "Corectat."))
    feedback.mark(HOME, found, second, Mark(up=False))
    feedback.mark(HOME, found, third, Mark(None, "Bine."))
    row = examples(feedback.judged(HOME))[-1]
    assert [one["content"] for one in row["messages"]] == ["Unu?", "Corectat.", "Trei?", "Bine."]


def test_corrections_become_a_data_set_once_there_are_enough(desk: Desk, workspace: Workspace) -> None:
    feedback = Feedback(desk.chats.ledger)
    for number in range(10):
        found = asked(desk, f"Cât fac {number} plus unu?")
        feedback.mark(HOME, found, found.turns[0].answers[0].id, Mark(None, f"Fac {number + 1}."))
        if number == 8:
            with pytest.raises(DataError, match="At least 10"):
                feedback.as_dataset(HOME, workspace, "examples", "Corrected answers")
    desk.delete(HOME, found.id)
    made = feedback.as_dataset(HOME, workspace, "examples", "Corrected answers")
    assert (made.name, made.rows, made.shape) == ("Corrected answers", 10, "chat")
    assert next(iter(read(made.path)))["messages"][1]["content"] == "Fac 1."
    feedback.forget(HOME, feedback.judged(HOME)[0].id)
    assert len(feedback.jsonl(HOME, "examples").splitlines()) == 9


def test_a_thumb_up_is_an_example_and_a_better_beside_a_worse_answer_is_a_pair(desk: Desk) -> None:
    feedback = Feedback(desk.chats.ledger)
    both = Choices(base="starter", adapters=("run:a",))
    found = asked(desk, "Câte picioare are vaca?", None, both)
    base, adapter = found.turns[0].answers
    feedback.mark(HOME, found, base.id, Mark(up=False))
    assert pairs(feedback.judged(HOME)) == []
    feedback.mark(HOME, found, adapter.id, Mark(up=True))
    asking = [{"role": "user", "content": "Câte picioare are vaca?"}]
    judged = feedback.judged(HOME)
    (example,) = examples(judged)
    assert example["messages"] == [*asking, {"role": "assistant", "content": adapter.text}]
    assert (example["chat_model"], example["chat_judged"]) == (adapter.label or adapter.model, "up")
    found_pairs = pairs(judged)
    assert found_pairs or base.text == adapter.text
    for pair in found_pairs:
        assert (pair["prompt"], pair["chosen"], pair["rejected"]) == (asking, adapter.text, base.text)
        assert (pair["chat_model"], pair["chat_judged"]) == (base.label or base.model, "down")
        assert pair["chat_chosen_model"] == (adapter.label or adapter.model)
    feedback.mark(HOME, found, base.id, Mark(up=False, corrected="Patru."))
    corrected = next(one for one in pairs(feedback.judged(HOME)) if one["chosen"] == "Patru.")
    assert (corrected["rejected"], corrected["chat_judged"]) == (base.text, "corrected")
    assert "chat_chosen_model" not in corrected
    feedback.drop(HOME, base.id)
    assert [one.id for one in feedback.judged(HOME)] == [adapter.id]
    with pytest.raises(AccessError):
        feedback.drop(OTHER, adapter.id)


def test_answers_to_other_questions_are_no_pair(desk: Desk) -> None:
    feedback = Feedback(desk.chats.ledger)
    for question, up in (("Unu?", True), ("Doi?", False)):
        found = asked(desk, question)
        feedback.mark(HOME, found, found.turns[0].answers[0].id, Mark(up=up))
    assert pairs(feedback.judged(HOME)) == []


def test_pairs_become_a_data_set_of_preferences(desk: Desk, workspace: Workspace) -> None:
    feedback = Feedback(desk.chats.ledger)
    for number in range(10):
        found = asked(desk, f"Cât fac {number} plus unu?")
        feedback.mark(HOME, found, found.turns[0].answers[0].id, Mark(None, f"Fac {number + 1}."))
    made = feedback.as_dataset(HOME, workspace, "pairs", "Pairs")
    assert (made.rows, made.shape) == (10, "preference")
    row = next(iter(read(made.path)))
    answer = found.turns[0].answers[0]
    assert (row["chosen"], row["rejected"]) == ("Fac 1.", answer.text)
    assert (row["chat_model"], row["chat_judged"]) == (answer.label or answer.model, "corrected")
    assert datetime.fromisoformat(row["chat_judged_at"]).timestamp() == pytest.approx(time.time(), abs=600)
    assert feedback.as_dataset(HOME, workspace, "pairs", "Pairs").id == made.id


def test_the_same_answer_judged_ten_times_is_too_little(desk: Desk, workspace: Workspace) -> None:
    feedback = Feedback(desk.chats.ledger)
    for _ in range(10):
        found = asked(desk, "Cât fac doi plus unu?")
        feedback.mark(HOME, found, found.turns[0].answers[0].id, Mark(None, "Fac trei."))
    with pytest.raises(DataError):
        feedback.as_dataset(HOME, workspace, "examples", "Alike")


def test_exports_hold_what_was_written_and_jsonl_can_be_trained_on(desk: Desk, tmp_path: Path) -> None:
    feedback = Feedback(desk.chats.ledger)
    chat = asked(desk, "Câte picioare are <b>pinguinul</b>?\nSpune.").id
    found = asked(desk, "Și vaca?", chat, Choices(base="starter", adapters=("run:a",), system="Scurt."))
    feedback.mark(HOME, found, found.turns[1].answers[1].id, Mark(None, "Are patru."))
    marks = feedback.of(HOME, found)
    text = export.markdown(found, marks)
    for part in (
        "## Câte picioare are <b>pinguinul</b>?\n\nSpune.",
        "**first** (done)",
        "Are patru.",
        "It has two legs.",
    ):
        assert part in text
    whole = json.loads(export.whole(found, marks))
    assert Conversation(**whole) == found
    assert list(whole["feedback"].values()) == [{"up": None, "corrected": "Are patru."}]
    path = tmp_path / "rows.jsonl"
    path.write_text(export.jsonl(found, marks), encoding="utf-8")
    rows = list(read(path))
    assert [row["model"] for row in rows] == ["Starter", "first"]
    assert rows[1]["messages"][-1] == {"role": "assistant", "content": "Are patru."}
    with pytest.raises(DataError, match="Only 2 examples"), (tmp_path / "out").open("wb") as out:
        reading.store([path], out, skip_bad=False)


def test_a_conversation_without_an_answer_gives_no_row(desk: Desk, engine: FakeEngine) -> None:
    engine.error = ChatError("chat.no_memory")
    engine.reply = ""
    engine.replies = {}
    found = asked(desk, "?")
    assert export.jsonl(found, {}) == ""


def test_presets_speak_the_language_they_name_and_never_shout() -> None:
    every = presets.shipped()
    assert {one.language for one in every} == {"en", "ro", "it"}
    for one in every:
        assert set(one.title) == {"en", "ro", "it"}
        assert len(one.questions) >= 3
        text = " ".join((one.system, *one.questions))
        assert not set("şţŞŢ!") & set(text)
        assert presets.find(one.id) is one
    assert presets.find("nope") is None
    assert len({one.id for one in every}) == len(every)
