"""Conversations in the ledger: every function sees only the rows of the acting person."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, insert, select, update

from backend.chats import titles
from backend.chats.changes import Changes
from backend.chats.model import Answer, Choices, Conversation
from backend.errors import AccessError
from backend.ledger.schema import chats
from backend.ledger.store import Ledger
from backend.people import Person

MOST_LISTED = 200


class Line(NamedTuple):
    """One row of the list of conversations."""

    id: str
    title: str
    changed_at: float


@dataclass(frozen=True)
class Chats:
    """`changes` is told of everything that another page would show otherwise now."""

    ledger: Ledger
    changes: Changes = field(default_factory=Changes)

    def lines(self, person: Person, search: str = "", *, sight: bool = False) -> list[Line]:
        """Newest first, those that hold every word of `search`; at most `MOST_LISTED`. `sight`: those about pictures,
        else all others.
        """
        about = chats.c.choices["sight"].as_boolean()
        wanted = select(chats.c.id, chats.c.title, chats.c.changed_at).where(chats.c.owner == person.id)
        wanted = wanted.where(about.is_(True) if sight else about.is_not(True))
        for word in titles.folded(search).split():
            wanted = wanted.where(chats.c.plain.contains(word, autoescape=True))
        with self.ledger.read() as rows:
            found = rows.execute(wanted.order_by(chats.c.changed_at.desc()).limit(MOST_LISTED))
            return [Line(*row) for row in found]

    def pictures(self, person: Person) -> set[str]:
        """The stored names of all pictures in this person's conversations."""
        wanted = select(chats.c.turns).where(chats.c.owner == person.id, chats.c.choices["sight"].as_boolean())
        with self.ledger.read() as rows:
            return {name for turns in rows.scalars(wanted) for turn in turns for name in turn.get("pictures", ())}

    def get(self, person: Person, chat: str) -> Conversation:
        """AccessError when there is none with this id, or it is somebody else's."""
        with self.ledger.read() as rows:
            return _get(rows, person, chat)

    def add(self, person: Person, conversation: Conversation) -> Conversation:
        now = time.time()
        made = conversation.model_copy(
            update={"created_at": conversation.created_at or now, "changed_at": conversation.changed_at or now}
        )
        with self.ledger.write() as rows:
            rows.execute(insert(chats).values(id=made.id, owner=person.id, created_at=made.created_at, **_values(made)))
        self.changes.tell(made.id)
        return made

    def change(
        self, person: Person, chat: str, how: Callable[[Conversation], Conversation], *, touched: bool = True
    ) -> Conversation:
        """Read, change and write as one step; with `touched` it moves to the top of the list."""
        made = self._written(person, chat, how, touched=touched)
        self.changes.tell(chat)
        return made

    def keep(self, person: Person, chat: str, answers: dict[str, Answer]) -> None:
        """Save answers that are still being written: whoever looks on hears them as they come, so nobody is told."""
        self._written(person, chat, lambda now: now.with_answers(answers), touched=False)

    def _written(
        self, person: Person, chat: str, how: Callable[[Conversation], Conversation], *, touched: bool
    ) -> Conversation:
        with self.ledger.write() as rows:
            made = how(_get(rows, person, chat))
            if touched:
                made = made.model_copy(update={"changed_at": time.time()})
            rows.execute(update(chats).where(_mine(person, chat)).values(**_values(made)))
        return made

    def rename(self, person: Person, chat: str, title: str) -> Conversation:
        """ChatError or JobError when the title cannot be."""
        cleaned = titles.check(title)
        return self.change(person, chat, lambda now: now.model_copy(update={"title": cleaned}), touched=False)

    def delete(self, person: Person, chat: str) -> None:
        """For good. Corrected answers made in it are kept."""
        with self.ledger.write() as rows:
            if rows.execute(delete(chats).where(_mine(person, chat))).rowcount == 0:
                raise AccessError("chat.no_chat")
        self.changes.tell(chat)


def _mine(person: Person, chat: str) -> Any:
    return (chats.c.owner == person.id) & (chats.c.id == chat)


def _get(rows: Connection, person: Person, chat: str) -> Conversation:
    found: Row[Any] | None = rows.execute(select(chats).where(_mine(person, chat))).one_or_none()
    if found is None:
        raise AccessError("chat.no_chat")
    return Conversation(
        id=found.id,
        title=found.title,
        choices=Choices(**found.choices),
        turns=found.turns,
        created_at=found.created_at,
        changed_at=found.changed_at,
    )


def _values(made: Conversation) -> dict[str, Any]:
    return {
        "title": made.title,
        "turns": [turn.model_dump(mode="json") for turn in made.turns],
        "choices": made.choices.model_dump(mode="json"),
        "plain": titles.words_of(made),
        "changed_at": made.changed_at,
    }
