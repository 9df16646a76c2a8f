"""What a person thinks of an answer: a thumb, and the answer as it should have been, which can be trained on."""

import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import delete, insert, select, update

from backend import names
from backend.chats.model import Conversation
from backend.data import datasets
from backend.data.datasets import Dataset
from backend.errors import AccessError
from backend.inference.ask import Message
from backend.ledger.schema import feedback
from backend.ledger.store import Ledger
from backend.paths import Workspace
from backend.people import Person


class Mark(NamedTuple):
    """`up` is None without a thumb; `corrected` is "" without a correction."""

    up: bool | None = None
    corrected: str = ""


class Correction(NamedTuple):
    """One answer that was put right; `messages` lead up to it."""

    id: str
    model: str
    messages: list[Message]
    answer: str
    corrected: str
    changed_at: float

    @property
    def row(self) -> dict[str, Any]:
        """As the studio trains on it."""
        return {"messages": [*self.messages, {"role": "assistant", "content": self.corrected}]}


@dataclass(frozen=True)
class Feedback:
    ledger: Ledger

    def mark(self, person: Person, conversation: Conversation, answer_id: str, mark: Mark) -> None:
        """Keep what is thought of an answer of this conversation; with neither thumb nor correction, forget it."""
        number, answer = conversation.place(answer_id)
        now = time.time()
        mine = (feedback.c.owner == person.id) & (feedback.c.id == answer_id)
        values = {
            "id": answer_id,
            "owner": person.id,
            "model": answer.label or answer.model,
            "up": mark.up,
            "messages": self._leading_to(person, conversation, number, answer.model),
            "answer": answer.text,
            "corrected": mark.corrected.strip(),
            "created_at": now,
            "changed_at": now,
        }
        with self.ledger.write() as rows:
            rows.execute(delete(feedback).where(mine))
            if mark.up is not None or values["corrected"]:
                rows.execute(insert(feedback).values(**values))

    def of(self, person: Person, conversation: Conversation) -> dict[str, Mark]:
        """The marks of a conversation's answers, by the answer's id."""
        ids = [answer.id for turn in conversation.turns for answer in (*turn.answers, *turn.earlier)]
        found = select(feedback.c.id, feedback.c.up, feedback.c.corrected)
        with self.ledger.read() as rows:
            marked = rows.execute(found.where((feedback.c.owner == person.id) & feedback.c.id.in_(ids)))
            return {row.id: Mark(row.up, row.corrected) for row in marked}

    def corrections(self, person: Person) -> list[Correction]:
        """Oldest first."""
        wanted = select(*(feedback.c[name] for name in Correction._fields))
        mine = (feedback.c.owner == person.id) & (feedback.c.corrected != "")
        with self.ledger.read() as rows:
            return [Correction(*row) for row in rows.execute(wanted.where(mine).order_by(feedback.c.created_at))]

    def forget(self, person: Person, answer_id: str) -> None:
        """Take a correction back; a thumb stays. AccessError when there is no such mark of this person."""
        mine = (feedback.c.owner == person.id) & (feedback.c.id == answer_id)
        with self.ledger.write() as rows:
            if rows.execute(update(feedback).where(mine).values(corrected="")).rowcount == 0:
                raise AccessError("chat.no_answer")
            rows.execute(delete(feedback).where(mine & feedback.c.up.is_(None)))

    def jsonl(self, person: Person) -> str:
        return "".join(json.dumps(one.row, ensure_ascii=False) + "\n" for one in self.corrections(person))

    def as_dataset(self, person: Person, workspace: Workspace, name: str) -> Dataset:
        """All corrections as a data set that can be trained on; DataError when there are too few."""
        taken = [known.name for known in datasets.available(person, workspace)]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "corrections.jsonl"
            path.write_text(self.jsonl(person), encoding="utf-8")
            return datasets.add(person, workspace, path, names.free(name, taken, "data"))

    def _leading_to(self, person: Person, conversation: Conversation, number: int, model: str) -> list[Message]:
        """What the model was asked, with corrected answers in place of its own and without the turns disliked.

        A training learns every answer of a row, so what was known to be wrong must not stand in it.
        """
        marks = self.of(person, conversation)
        better = {}
        for turn in conversation.turns[:number]:
            said = turn.answer(model)
            mark = marks.get(said.id, Mark()) if said else Mark()
            if said and mark.corrected:
                better[said.id] = said.model_copy(update={"text": mark.corrected})
            elif said and mark.up is False:
                better[said.id] = said.model_copy(update={"text": ""})
        return conversation.with_answers(better).heard(number, model)
