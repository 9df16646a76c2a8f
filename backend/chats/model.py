"""A conversation as values: turns with one answer for each model that was asked, side by side."""

import uuid
from collections.abc import Callable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from backend.errors import AccessError
from backend.inference.ask import Message
from backend.inference.sampling import Sampling

State = Literal["waiting", "writing", "done", "stopped", "interrupted", "failed"]
UNFINISHED = ("waiting", "writing")
MOST_ADAPTERS = 3
TIE, UNCOUNTED = "tie", "uncounted"
"""Instead of an answer's id, what was preferred: none of them; or it is not to be counted."""


def new_id() -> str:
    return uuid.uuid4().hex


class Choices(BaseModel):
    """What a question is asked with: models by the names the engine knows, the system prompt, the sampling.

    `sight`: it is asked where people ask about pictures. `blind`: nobody is told which model gave which answer before
    one was preferred.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    base: str
    adapters: tuple[str, ...] = ()
    system: str = ""
    sampling: Sampling = Sampling()
    sight: bool = False
    blind: bool = False

    @property
    def models(self) -> tuple[str, ...]:
        return (self.base, *self.adapters)


class Answer(BaseModel):
    """What one model said. `label` is its name at that time; `desk` the process that wrote it.

    `first_seconds` is the time to the first text, `seconds` that from there to the end; `prompt_tokens` and `tokens`
    are counted by the engine, `context` is how many of both the model can read. `recorded_at` is when it was given, if
    it was rehearsed and is only shown again.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    id: str = Field(default_factory=new_id)
    model: str
    label: str = ""
    text: str = ""
    state: State = "waiting"
    finish: str = ""
    error: str = ""
    error_values: dict[str, Any] = Field(default_factory=dict)
    prompt_tokens: int = 0
    tokens: int = 0
    context: int = 0
    first_seconds: float | None = None
    seconds: float | None = None
    desk: str = ""
    asked_at: float = 0.0
    recorded_at: float | None = None

    def seen_by(self, desk: str) -> "Answer":
        """An answer that another process began and never ended was interrupted: that process is gone."""
        lost = self.state in UNFINISHED and self.desk != desk
        return self.model_copy(update={"state": "interrupted"}) if lost else self


class Turn(BaseModel):
    """A question with its answers in the order of the panes; `earlier` are answers that were asked for again.

    `pictures` are those shown with it, by their stored names; `reference` is the right answer where it was given.
    `preferred` is the id of the better answer of a blind comparison, `TIE` or `UNCOUNTED`; "" before it is said.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    id: str = Field(default_factory=new_id)
    question: str
    pictures: tuple[str, ...] = ()
    reference: str = ""
    preferred: str = ""
    choices: Choices
    asked_at: float = 0.0
    answers: tuple[Answer, ...] = ()
    earlier: tuple[Answer, ...] = ()

    @property
    def compared(self) -> bool:
        """Whether answers are compared blindly."""
        return self.choices.blind and len(self.answers) > 1

    @property
    def secret(self) -> bool:
        """Whether nobody may know yet which model gave which answer."""
        return self.compared and not self.preferred

    def versions(self, model: str) -> list[Answer]:
        """All answers of one model, in the order in which they were asked for."""
        every = (answer for answer in (*self.earlier, *self.answers) if answer.model == model)
        return sorted(every, key=lambda answer: answer.asked_at)

    def answer(self, model: str) -> Answer | None:
        return next((answer for answer in self.answers if answer.model == model), None)

    def asked(self, before: tuple[str, ...] = ()) -> Message:
        """The question as a message, with its pictures behind those that were shown `before` it."""
        shown = [{"type": "image", "image": name} for name in (*before, *self.pictures)]
        content = [*shown, {"type": "text", "text": self.question}] if shown else self.question
        return {"role": "user", "content": content}


class Conversation(BaseModel):
    """`choices` are those of the newest question; a later one may be asked with others."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    id: str = Field(default_factory=new_id)
    title: str
    choices: Choices
    turns: tuple[Turn, ...] = ()
    created_at: float = 0.0
    changed_at: float = 0.0

    def seen_by(self, desk: str) -> "Conversation":
        turns = tuple(
            turn.model_copy(update={"answers": tuple(answer.seen_by(desk) for answer in turn.answers)})
            for turn in self.turns
        )
        return self.model_copy(update={"turns": turns})

    def place(self, answer_id: str) -> tuple[int, Answer]:
        """The turn (from 0) and the answer, also one of the earlier ones; AccessError when it is not in here."""
        for number, turn in enumerate(self.turns):
            for answer in (*turn.answers, *turn.earlier):
                if answer.id == answer_id:
                    return number, answer
        raise AccessError("chat.no_answer")

    def turn(self, number: int) -> Turn:
        """From 0; AccessError when there is none."""
        if not 0 <= number < len(self.turns):
            raise AccessError("chat.no_answer")
        return self.turns[number]

    def heard(self, number: int, model: str) -> list[Message]:
        """What `model` is asked in turn `number`: the system prompt, its own answers so far, the question.

        A turn that it did not answer is left out, for no model is told what another one said; the pictures of that turn
        are shown with the next one.
        """
        return self.told(number, lambda turn: said.text if (said := turn.answer(model)) else "")

    def told(self, number: int, said: Callable[[Turn], str]) -> list[Message]:
        """As `heard`, with what was `said` in each turn ("" where nothing was)."""
        turn = self.turns[number]
        messages = [{"role": "system", "content": turn.choices.system}] if turn.choices.system.strip() else []
        waiting: tuple[str, ...] = ()
        for before in self.turns[:number]:
            answer = said(before)
            if answer.strip():
                messages += [before.asked(waiting), {"role": "assistant", "content": answer}]
                waiting = ()
            else:
                waiting += before.pictures
        return [*messages, turn.asked(waiting)]

    @property
    def pictures(self) -> tuple[str, ...]:
        """All that were shown, in their order."""
        return tuple(name for turn in self.turns for name in turn.pictures)

    def with_turn(self, number: int, turn: Turn) -> "Conversation":
        return self.model_copy(update={"turns": (*self.turns[:number], turn, *self.turns[number + 1 :])})

    def with_answers(self, answers: dict[str, Answer]) -> "Conversation":
        """The conversation with these answers, by id, in the places where they stand."""
        turns = tuple(
            turn.model_copy(update={"answers": tuple(answers.get(one.id, one) for one in turn.answers)})
            for turn in self.turns
        )
        return self.model_copy(update={"turns": turns})
