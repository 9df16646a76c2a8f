"""Showing a room what was rehearsed: questions on keys, with the answers they were given as a fallback."""

from dataclasses import dataclass

from backend.chats import titles
from backend.chats.model import Conversation, Turn
from backend.chats.stage.rehearsed import played, shown_again
from studio.services.chats import ChatServices


@dataclass(frozen=True)
class Stage:
    chats: ChatServices

    def rehearsed(self, *, sight: bool) -> list[Turn]:
        """In the order of their keys; `sight`: those of the chat about pictures."""
        return self.chats.rehearsed.of(self.chats.person, sight=sight)

    def put(self, chat: str, number: int, *, keep: bool) -> None:
        """Turn `number` (from 0) of a conversation on a key, or off it; ChatError as `Rehearsed.put`."""
        turn = self.chats.one(chat).turn(number)
        if keep:
            self.chats.rehearsed.put(self.chats.person, turn)
        else:
            self.chats.rehearsed.take_off(self.chats.person, turn.id)
        self.chats.changes.tell(chat)

    def take_off(self, turn: str) -> None:
        self.chats.rehearsed.take_off(self.chats.person, turn)
        self.chats.changes.tell()

    def play(self, chat: str, turn: str) -> Conversation:
        """Show a rehearsed question with the answers it was given then, at the end of a conversation or in a new one;
        what is being answered there is stopped. AccessError when it was not rehearsed.
        """
        person, recorded = self.chats.person, self.chats.rehearsed.get(self.chats.person, turn)
        if not chat:
            shown = played(recorded)
            title = titles.of_question(shown.question)
            return self.chats.desk.chats.add(person, Conversation(title=title, choices=shown.choices, turns=(shown,)))
        self.chats.stop(chat)
        return self.chats.desk.chats.change(person, chat, lambda now: shown_again(now, recorded))
