"""What is asked about pictures besides a chat: the pictures themselves, right answers, tests, and files of them all."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.chats import export
from backend.chats.feedback import Lesson, named
from backend.chats.model import Conversation
from backend.chats.pictures import samples
from backend.data.datasets import Dataset
from studio.services.chats import ChatServices


@dataclass(frozen=True)
class Asking:
    chats: ChatServices

    # Pictures

    def bring(self, name: str, data: bytes) -> str:
        """The stored name of a picture; DataError for what is none, is damaged or too large."""
        return self.chats.pictures.take(self.chats.person, name, data)

    def sample(self, name: str) -> str:
        """The stored name of a sample picture; AccessError when there is none of this name."""
        return self.bring(name, samples.path(name).read_bytes())

    def picture(self, stored: str, *, small: bool) -> Path:
        """AccessError when there is none of this name."""
        return self.chats.pictures.find(self.chats.person, stored, small=small)

    # Right answers and tests

    def refer(self, chat: str, number: int, reference: str) -> None:
        """Say what the right answer to a question is; a test that was saved of it follows."""
        found = self.chats.desk.refer(self.chats.person, chat, number, reference)
        turn = found.turn(number)
        if turn.id in self.chats.exam.ids(self.chats.person):
            self._test(found, number, keep=bool(turn.reference))

    def test(self, chat: str, number: int, *, keep: bool) -> None:
        """Save a question as a test, or let it go; ChatError without its right answer or without a picture."""
        found = self.chats.one(chat)
        found.turn(number)
        self._test(found, number, keep=keep)
        self.chats.changes.tell(chat)

    def tests_as_dataset(self, name: str) -> Dataset:
        return self.chats.exam.as_dataset(self.chats.person, self.chats.workspace, name)

    def _test(self, found: Conversation, number: int, *, keep: bool) -> None:
        if keep:
            self.chats.exam.save(self.chats.person, found, number)
        else:
            self.chats.exam.drop(self.chats.person, found.turns[number].id)

    # Files

    def lesson(self, lesson: Lesson) -> str | bytes:
        """The JSONL of what was judged; with pictures a ZIP. AccessError when a picture is gone."""
        return self._rows(self.chats.feedback.jsonl(self.chats.person, lesson), lesson)

    def tests(self) -> str | bytes:
        """The same of the tests."""
        return self._rows(self.chats.exam.jsonl(self.chats.person), "tests")

    def with_pictures(self, said: str, name: str, shown: Sequence[str]) -> str | bytes:
        """A file as it is, or a ZIP of it and its pictures; AccessError when one is gone."""
        found = {stored: self.chats.pictures.find(self.chats.person, stored) for stored in shown}
        return export.packed(said, name, found) if found else said

    def _rows(self, said: str, name: str) -> str | bytes:
        return self.with_pictures(said, f"{name}.jsonl", sorted(named(said)))
