"""Turns that a person put on the keys 1 to 9; kept when their conversation is deleted."""

import time
from dataclasses import dataclass

from sqlalchemy import delete, insert, select

from backend.chats.model import Conversation, Turn, new_id
from backend.errors import AccessError, ChatError
from backend.ledger.schema import rehearsed
from backend.ledger.store import Ledger
from backend.people import Person

MOST = 9


@dataclass(frozen=True)
class Rehearsed:
    """Those of the chat about pictures have keys of their own."""

    ledger: Ledger

    def put(self, person: Person, turn: Turn) -> None:
        """On the next free key, with its answers; ChatError when one of them is missing, or no key is free."""
        if not turn.answers or not all(one.state == "done" and one.text.strip() for one in turn.answers):
            raise ChatError("chat.not_rehearsed")
        if len(self.of(person, sight=turn.choices.sight)) >= MOST:
            raise ChatError("chat.no_key", most=MOST)
        values = {"id": turn.id, "owner": person.id, "sight": turn.choices.sight, "turn": turn.model_dump(mode="json")}
        with self.ledger.write() as rows:
            rows.execute(delete(rehearsed).where(rehearsed.c.owner == person.id, rehearsed.c.id == turn.id))
            rows.execute(insert(rehearsed).values(**values, created_at=time.time()))

    def take_off(self, person: Person, turn: str) -> None:
        """The keys behind it move up."""
        with self.ledger.write() as rows:
            rows.execute(delete(rehearsed).where(rehearsed.c.owner == person.id, rehearsed.c.id == turn))

    def of(self, person: Person, *, sight: bool) -> list[Turn]:
        """In the order of their keys."""
        return [turn for turn in self._all(person) if turn.choices.sight == sight]

    def get(self, person: Person, turn: str) -> Turn:
        """AccessError when this person has rehearsed no such turn."""
        found = next((one for one in self._all(person) if one.id == turn), None)
        if found is None:
            raise AccessError("chat.no_answer")
        return found

    def pictures(self, person: Person) -> set[str]:
        """The stored names of all pictures that rehearsed questions are about."""
        return {name for turn in self._all(person) for name in turn.pictures}

    def _all(self, person: Person) -> list[Turn]:
        wanted = select(rehearsed.c.turn).where(rehearsed.c.owner == person.id).order_by(rehearsed.c.created_at)
        with self.ledger.read() as rows:
            return [Turn(**turn) for turn in rows.scalars(wanted)]


def shown_again(now: Conversation, recorded: Turn) -> Conversation:
    """The conversation with a rehearsed turn at its end, in place of a last one that asks the same and was not answered
    whole. Its answers say when they were given.
    """
    turn = played(recorded)
    last = now.turns[-1] if now.turns else None
    failed = last and last.question == turn.question and not all(one.state == "done" for one in last.answers)
    return now.model_copy(update={"turns": (*(now.turns[:-1] if failed else now.turns), turn), "choices": turn.choices})


def played(recorded: Turn) -> Turn:
    """A rehearsed turn as a new one, whose answers say when they were given; nobody compares them blindly."""
    answers = tuple(
        one.model_copy(update={"id": new_id(), "recorded_at": one.recorded_at or one.asked_at})
        for one in recorded.answers
    )
    choices = recorded.choices.model_copy(update={"blind": False})
    return Turn(
        question=recorded.question,
        pictures=recorded.pictures,
        reference=recorded.reference,
        choices=choices,
        asked_at=time.time(),
        answers=answers,
    )
