"""What a person thinks of an answer: a thumb, and the answer as it should have been. Both can be trained on."""

import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

from sqlalchemy import delete, insert, select, update

from backend import names
from backend.chats.model import Conversation
from backend.chats.pictures.kept import Pictures
from backend.data import datasets, reading, shapes
from backend.data.datasets import Dataset
from backend.data.opening.opened import Record
from backend.data.reading import Findings
from backend.data.shapes import Shape
from backend.data.versions import deriving
from backend.errors import AccessError
from backend.inference import parts
from backend.inference.ask import Message
from backend.ledger.schema import feedback
from backend.ledger.store import Ledger
from backend.paths import Workspace
from backend.people import Person


class Mark(NamedTuple):
    """`up` is None without a thumb; `corrected` is "" without a correction."""

    up: bool | None = None
    corrected: str = ""


MODEL, CHOSEN, BY, AT = "chat_model", "chat_chosen_model", "chat_judged", "chat_judged_at"
COLUMNS = (MODEL, CHOSEN, BY, AT)
"""Beside a lesson: which model (with its adapter) had answered, and which the better answer; how and when judged."""


class Judged(NamedTuple):
    """One answer with what was thought of it; `messages` lead up to it."""

    id: str
    model: str
    up: bool | None
    messages: list[Message]
    answer: str
    corrected: str
    changed_at: float

    @property
    def good(self) -> str:
        """What should be said: the answer put right, or the one that was liked; "" when neither is known."""
        return self.corrected or (self.answer if self.up else "")

    @property
    def bad(self) -> str:
        """What should not be said: the answer that was put right, or disliked."""
        return self.answer if self.corrected or self.up is False else ""

    @property
    def sight(self) -> bool:
        """Whether it was about pictures."""
        return bool(parts.pictures(self.messages))

    @property
    def columns(self) -> dict[str, str]:
        by = "corrected" if self.corrected else "up" if self.up else "down"
        at = datetime.fromtimestamp(self.changed_at, UTC).isoformat(timespec="seconds")
        return {MODEL: self.model, BY: by, AT: at}


Lesson = Literal["examples", "pairs", "pictures"]
Row = dict[str, Any]


def examples(judged: Sequence[Judged]) -> list[Row]:
    """A chat for each answer that is good, or was put right."""
    return _good(one for one in judged if not one.sight)


def pictures(judged: Sequence[Judged]) -> list[Row]:
    """The same for answers about pictures."""
    return _good(one for one in judged if one.sight)


def _good(judged: Iterable[Judged]) -> list[Row]:
    return [
        {"messages": [*one.messages, {"role": "assistant", "content": one.good}], **one.columns}
        for one in judged
        if one.good.strip()
    ]


def pairs(judged: Sequence[Judged]) -> list[Row]:
    """Each answer that is not good, beside a better one to the same messages: its own correction, else the newest.

    Answers about pictures are left out: no training compares them yet.
    """
    judged = [one for one in judged if not one.sight]
    better = {json.dumps(one.messages): one for one in judged if one.good.strip()}
    found = []
    for one in judged:
        other = one if one.corrected else better.get(json.dumps(one.messages))
        if one.bad.strip() and other and other.good != one.bad:
            beside = {} if other.corrected else {CHOSEN: other.model}
            found.append({"prompt": one.messages, "chosen": other.good, "rejected": one.bad, **one.columns, **beside})
    return found


def stored(record: Record, number: int) -> Iterator[tuple[Shape, Row]]:
    """A lesson as a row of a data set, with the columns that say where it comes from."""
    values = {name: value for name, value in record.values.items() if name not in COLUMNS}
    columns = {name: record.values[name] for name in COLUMNS if name in record.values}
    if parts.pictures(values.get("messages", ())):
        yield "visual", values | columns
    else:
        shape, row = shapes.normalise(values, record.place, number)
        yield shape, row | columns


LESSONS: dict[Lesson, Callable[[Sequence[Judged]], list[Row]]] = {
    "examples": examples,
    "pairs": pairs,
    "pictures": pictures,
}


def named(said: str) -> set[str]:
    """The pictures that rows of JSONL name."""
    return {name for line in said.splitlines() for name in deriving.pictures(json.loads(line))}


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

    def judged(self, person: Person) -> list[Judged]:
        """Oldest first."""
        wanted = select(*(feedback.c[name] for name in Judged._fields)).where(feedback.c.owner == person.id)
        with self.ledger.read() as rows:
            return [Judged(*row) for row in rows.execute(wanted.order_by(feedback.c.created_at))]

    def pictures(self, person: Person) -> set[str]:
        """The stored names of all pictures that judged answers are about."""
        return {name for one in self.judged(person) for name in parts.pictures(one.messages)}

    def forget(self, person: Person, answer_id: str) -> None:
        """Take a correction back; a thumb stays. AccessError when there is no such mark of this person."""
        mine = (feedback.c.owner == person.id) & (feedback.c.id == answer_id)
        with self.ledger.write() as rows:
            if rows.execute(update(feedback).where(mine).values(corrected="")).rowcount == 0:
                raise AccessError("chat.no_answer")
            rows.execute(delete(feedback).where(mine & feedback.c.up.is_(None)))

    def drop(self, person: Person, answer_id: str) -> None:
        """Forget all that was thought of an answer. AccessError when there is no such mark of this person."""
        mine = (feedback.c.owner == person.id) & (feedback.c.id == answer_id)
        with self.ledger.write() as rows:
            if rows.execute(delete(feedback).where(mine)).rowcount == 0:
                raise AccessError("chat.no_answer")

    def jsonl(self, person: Person, lesson: Lesson) -> str:
        rows = LESSONS[lesson](self.judged(person))
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)

    def as_dataset(self, person: Person, workspace: Workspace, lesson: Lesson, name: str) -> Dataset:
        """All that was judged as a data set that can be trained on; DataError when there is too little."""
        said = self.jsonl(person, lesson)
        source = hashlib.sha256(said.encode()).hexdigest()
        every = datasets.every_version(person, workspace)
        if known := next((one for one in every if one.source_sha256 == source), None):
            return known
        lessons = [json.loads(line) for line in said.splitlines()]

        def write(staging: Path, target: BinaryIO) -> Findings:
            records = (Record(str(number), row) for number, row in enumerate(lessons, start=1))
            found = reading.write(records, target, stored)
            # Ten times the same is not ten, whenever it was judged.
            different = {json.dumps({key: row[key] for key in row if key not in COLUMNS}) for row in lessons}
            if fault := reading.too_few(found.rows, len(different), found.shape, found.characters):
                raise fault
            deriving.bring(named(said), Pictures(workspace).folder(person), staging)
            return found

        free = names.free(name, [one.name for one in every], "data")
        values = {"name": free, "owner": person.id, "source_sha256": source}
        with tempfile.TemporaryDirectory(dir=workspace.datasets, prefix=".incoming-") as folder:
            staging = Path(folder) / "whole"
            return datasets.keep(workspace, staging, partial(write, staging), values)

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
