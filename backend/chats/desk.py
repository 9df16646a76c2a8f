"""Has questions answered: one thread for each model asked, what was said kept as it comes, whoever looks on.

A page may be closed and opened again, here or elsewhere, while an answer is written. When the whole process dies, at
most the last second of the text is lost, and the next one shows the answer as interrupted.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Protocol

from backend.chats import titles, words
from backend.chats.model import TIE, UNCOUNTED, UNFINISHED, Answer, Conversation, Turn, new_id
from backend.chats.pictures.kept import Pictures
from backend.chats.running import Running
from backend.chats.store import Chats
from backend.errors import AccessError, ChatError, SetupError, StudioError
from backend.inference.ask import Message
from backend.inference.loads import Expected
from backend.inference.sampling import Sampling
from backend.people import Person

ENGINE_SECONDS = 120.0
POLL_SECONDS = 0.1
SAVE_SECONDS = 1.0
# Whoever sees the last word may ask again before the answer is in the ledger.
SETTLING_SECONDS = 5.0
CHANCE = random.SystemRandom()
log = logging.getLogger(__name__)


class Engine(Protocol):
    """What is needed of `backend.inference.client.Engine`."""

    def ready(self) -> bool:
        """Whether it answers."""

    def expected(self, model: str) -> Expected:
        """What a question to this model waits for."""

    def stream(self, messages: list[Message], *, model: str, settings: Sampling | None = None) -> Any:
        """A `backend.inference.client.Stream`."""


@dataclass(eq=False)
class Desk:
    """`engine` makes the client for a person, `want` has the engine started; `pictures` are those of all questions."""

    chats: Chats
    pictures: Pictures
    engine: Callable[[Person], Engine]
    want: Callable[[Person], None]
    id: str = field(default_factory=new_id)
    _running: dict[str, Running] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, person: Person, chat: str) -> Conversation:
        """The conversation as it is at this moment, half answers included."""
        stored = self.chats.get(person, chat)
        running = self._running.get(chat)
        return (stored.with_answers(running.answers) if running else stored).seen_by(self.id)

    def running(self, chat: str) -> Running | None:
        return self._running.get(chat)

    def ask(self, person: Person, chat: str | None, asked: Turn, labels: dict[str, str]) -> Conversation:
        """Put a question to all models of its choices; without `chat` a new conversation begins with it.

        ChatError for a question that is none, or shows too many pictures, and while the conversation is still being
        answered. AccessError for a picture that this person does not have.
        """
        turn = self._turn(person, asked, self.get(person, chat).pictures if chat else (), labels)
        choices = turn.choices
        if chat is None:
            made = Conversation(title=titles.of_question(asked.question), choices=choices, turns=(turn,))
            running = self._reserve(person, made.id, turn.answers)
            return self._begin_after(running, lambda: self.chats.add(person, made))
        running = self._reserve(person, chat, turn.answers)

        def add(now: Conversation) -> Conversation:
            return now.model_copy(update={"turns": (*now.turns, turn), "choices": choices})

        return self._begin_after(running, lambda: self.chats.change(person, chat, add))

    def edit(self, person: Person, chat: str, number: int, asked: Turn, labels: dict[str, str]) -> Conversation:
        """Ask another question in place of turn `number` (from 0), with the question and choices of `asked`.

        The conversation as it was is kept as one of its own; this one goes on from the new question.
        """
        before = self.get(person, chat)
        before.turn(number)
        shown = Conversation(title="", choices=asked.choices, turns=before.turns[:number]).pictures
        turn = self._turn(person, asked, shown, labels)
        running = self._reserve(person, chat, turn.answers)
        first = number == 0 and before.title == titles.of_question(before.turns[0].question)
        title = titles.of_question(asked.question) if first else before.title

        def change() -> Conversation:
            self.chats.add(person, before.model_copy(update={"id": new_id()}))
            values = {"turns": (*before.turns[:number], turn), "choices": turn.choices, "title": title}
            return self.chats.change(person, chat, lambda now: now.model_copy(update=values))

        return self._begin_after(running, change)

    def again(self, person: Person, chat: str, answer_id: str) -> Conversation:
        """Have one answer of the last turn written anew; the one there was is kept among the earlier ones."""
        number, old = self.get(person, chat).place(answer_id)
        fresh = self._blank(old.model, old.label, time.time())
        running = self._reserve(person, chat, [fresh])

        def change(now: Conversation) -> Conversation:
            if number != len(now.turns) - 1:
                raise ChatError("chat.not_last")
            turn = now.seen_by(self.id).turns[number]
            if old.id not in {one.id for one in turn.answers}:
                raise AccessError("chat.no_answer")
            kept = [one for one in turn.answers if one.id == answer_id and (one.text or one.state == "done")]
            answers = tuple(fresh if one.id == answer_id else one for one in turn.answers)
            return now.with_turn(
                number, turn.model_copy(update={"answers": answers, "earlier": (*turn.earlier, *kept)})
            )

        return self._begin_after(running, lambda: self.chats.change(person, chat, change))

    def use(self, person: Person, chat: str, answer_id: str) -> Conversation:
        """Put an earlier answer back in its place: from now on it is the one that the model hears."""
        if self.running(chat):
            raise ChatError("chat.answering")

        def change(now: Conversation) -> Conversation:
            number, wanted = now.place(answer_id)
            turn = now.turns[number]
            answers = tuple(wanted if one.model == wanted.model else one for one in turn.answers)
            there = {answer.id for answer in answers}
            versions = [one for one in (*turn.earlier, *turn.answers) if one.id not in there]
            return now.with_turn(number, turn.model_copy(update={"answers": answers, "earlier": tuple(versions)}))

        return self.chats.change(person, chat, change, touched=False)

    def refer(self, person: Person, chat: str, number: int, reference: str) -> Conversation:
        """Say what the right answer to turn `number` (from 0) is; "" to take it back."""
        checked = words.check(reference, "reference")

        def change(now: Conversation) -> Conversation:
            return now.with_turn(number, now.turn(number).model_copy(update={"reference": checked}))

        return self.chats.change(person, chat, change, touched=False)

    def prefer(self, person: Person, chat: str, number: int, preferred: str) -> Turn:
        """Say which answer of turn `number` (from 0), compared blindly, is the better one: its id, `TIE` or
        `UNCOUNTED`. ChatError while it is being answered; AccessError when it is said already, or there is none such.
        """
        if self.running(chat):
            raise ChatError("chat.answering")

        def change(now: Conversation) -> Conversation:
            turn = now.turn(number)
            if not turn.secret or preferred not in (TIE, UNCOUNTED, *(one.id for one in turn.answers)):
                raise AccessError("chat.no_answer")
            return now.with_turn(number, turn.model_copy(update={"preferred": preferred}))

        return self.chats.change(person, chat, change, touched=False).turn(number)

    def stop(self, person: Person, chat: str) -> None:
        """End all answers of a conversation, in the engine too; what was said is kept."""
        self.chats.get(person, chat)
        running = self._running.get(chat)
        if running is not None:
            running.stop()
            self._save(running)
            self._forget(running)

    def delete(self, person: Person, chat: str) -> None:
        self.stop(person, chat)
        self.chats.delete(person, chat)

    def _turn(self, person: Person, asked: Turn, before: tuple[str, ...], labels: dict[str, str]) -> Turn:
        """What is asked, checked and with answers to be written; `before`: the pictures shown until then."""
        question = words.question(asked.question)
        words.check(asked.choices.system, "system")
        reference = words.check(asked.reference, "reference")
        shown = (*before, *asked.pictures)
        self.pictures.check(person, shown)
        choices = asked.choices.model_copy(update={"sight": asked.choices.sight or bool(shown)})
        now = time.time()
        models = list(choices.models)
        if choices.blind:
            CHANCE.shuffle(models)
        answers = tuple(self._blank(model, labels.get(model, model), now) for model in models)
        values = {"question": question, "choices": choices, "asked_at": now, "answers": answers, "reference": reference}
        return asked.model_copy(update=values)

    def _blank(self, model: str, label: str, now: float) -> Answer:
        return Answer(model=model, label=label, desk=self.id, asked_at=now)

    def _reserve(self, person: Person, chat: str, answers: Iterable[Answer]) -> Running:
        """ChatError while the conversation is being answered: two pages may ask at the same moment."""
        before = self._running.get(chat)
        if before is not None and before.done:
            before.settled.wait(SETTLING_SECONDS)
        with self._lock:
            if chat in self._running:
                raise ChatError("chat.answering")
            self._running[chat] = Running.of(person, chat, answers)
            return self._running[chat]

    def _begin_after(self, running: Running, change: Callable[[], Conversation]) -> Conversation:
        """Answer what `change` has written; when it fails, nobody is answered."""
        try:
            made = change()
            self.want(running.person)
        except StudioError:
            self._forget(running)
            raise
        self._begin(running, made)
        return made

    def _begin(self, running: Running, made: Conversation) -> None:
        number = len(made.turns) - 1
        sampling = made.turns[number].choices.sampling
        for answer in list(running.answers.values()):
            work = (running, answer, made.heard(number, answer.model), sampling)
            threading.Thread(target=self._write, args=work, name="answer", daemon=True).start()

    def _write(self, running: Running, answer: Answer, messages: list[Message], sampling: Sampling) -> None:
        """The whole life of one answer, in a thread of its own."""
        try:
            engine = self.engine(running.person)
            running.expect(answer.id, engine.expected(answer.model))
            self._wait(running, engine)
            begin = time.monotonic()
            messages = self.pictures.sent(running.person, messages)
            self._listen(running, answer, engine.stream(messages, model=answer.model, settings=sampling), begin)
        except StudioError as error:
            running.put(answer.id, state="failed", error=error.key, error_values=plain(error.values))
        finally:
            if running.answers[answer.id].state in UNFINISHED:  # a bug on the way, which the thread will report
                running.put(answer.id, state="failed", error="chat.failed")
            if running.done and not running.stopped:
                self._save(running)
                self._forget(running)

    def _wait(self, running: Running, engine: Engine) -> None:
        """Until the engine answers; ChatError after too long."""
        end = time.monotonic() + ENGINE_SECONDS
        while not running.stopped and not engine.ready():
            if time.monotonic() > end:
                raise ChatError("chat.not_started", seconds=round(ENGINE_SECONDS))
            time.sleep(POLL_SECONDS)

    def _listen(self, running: Running, answer: Answer, stream: Any, begin: float) -> None:
        first, said = None, ""
        with closing(stream):
            running.holds(answer.id, stream)
            for piece in stream:
                first = first or time.monotonic()
                said = (said + piece).lstrip()
                counts = {"tokens": stream.tokens, "prompt_tokens": stream.prompt_tokens, "context": stream.context}
                timed = {"first_seconds": first - begin, "seconds": time.monotonic() - first}
                running.put(answer.id, state="writing", text=said, **counts, **timed)
                if running.stopped:
                    return
                if running.due(SAVE_SECONDS):
                    self._save(running)
        counts = {"tokens": stream.tokens, "prompt_tokens": stream.prompt_tokens, "context": stream.context}
        running.put(answer.id, state="done", finish=stream.finish, **counts)

    def _save(self, running: Running) -> None:
        """A conversation that was deleted meanwhile needs no answer; a ledger that is busy is tried again soon."""
        try:
            answers = dict(running.answers)
            if running.done:
                self.chats.change(running.person, running.chat, lambda now: now.with_answers(answers))
            else:
                self.chats.keep(running.person, running.chat, answers)
        except AccessError:
            if not running.stopped:
                running.stop()
                self._forget(running)
        except SetupError as error:
            log.warning("an answer could not be saved: %s", error)

    def _forget(self, running: Running) -> None:
        with self._lock:
            if self._running.get(running.chat) is running:
                del self._running[running.chat]
        running.settled.set()


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """The values of an error as JSON holds them."""
    return {name: value if isinstance(value, int | float | str) else str(value) for name, value in values.items()}
