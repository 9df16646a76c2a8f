"""Questions with their right answers that were saved as a test, and the data set that they make.

Kept when their conversation is deleted. All rows of the data set are of its test part: nothing learns from them.
"""

import hashlib
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import delete, insert, select

from backend import names
from backend.chats.model import Conversation, Turn
from backend.chats.pictures.kept import Pictures
from backend.data import datasets
from backend.data.datasets import Dataset
from backend.data.opening.opened import Record
from backend.data.reading import Findings, Writer
from backend.data.shapes import Row
from backend.data.split import PART
from backend.data.versions import deriving
from backend.errors import ChatError
from backend.inference import parts
from backend.inference.ask import Message
from backend.ledger.schema import tests
from backend.ledger.store import Ledger
from backend.paths import Workspace
from backend.people import Person


@dataclass(frozen=True)
class Exam:
    ledger: Ledger

    def save(self, person: Person, conversation: Conversation, number: int) -> None:
        """Turn `number` (from 0) with its right answer; what was asked before it stands before it where its right
        answer is known, too. ChatError when no right answer was given, or no picture is shown.
        """
        turn = conversation.turns[number]
        if not turn.reference:
            raise ChatError("chat.no_reference", field="reference")
        asked = conversation.told(number, lambda before: before.reference)
        if not parts.pictures(asked):
            raise ChatError("chat.no_picture", field="reference")
        values = {"id": turn.id, "owner": person.id, "messages": [*asked, _answer(turn)], "created_at": time.time()}
        with self.ledger.write() as rows:
            rows.execute(delete(tests).where(tests.c.owner == person.id, tests.c.id == turn.id))
            rows.execute(insert(tests).values(**values))

    def drop(self, person: Person, turn: str) -> None:
        with self.ledger.write() as rows:
            rows.execute(delete(tests).where(tests.c.owner == person.id, tests.c.id == turn))

    def ids(self, person: Person) -> set[str]:
        """Of the turns that were saved."""
        with self.ledger.read() as rows:
            return set(rows.scalars(select(tests.c.id).where(tests.c.owner == person.id)))

    def rows(self, person: Person) -> list[Row]:
        """Oldest first."""
        wanted = select(tests.c.messages).where(tests.c.owner == person.id).order_by(tests.c.created_at)
        with self.ledger.read() as rows:
            return [{"messages": messages, PART: "test"} for messages in rows.scalars(wanted)]

    def pictures(self, person: Person) -> set[str]:
        return {name for row in self.rows(person) for name in deriving.pictures(row)}

    def jsonl(self, person: Person) -> str:
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in self.rows(person))

    def as_dataset(self, person: Person, workspace: Workspace, name: str) -> Dataset:
        """All that was saved as a data set; the one there is when nothing has changed. ChatError without any."""
        said = self.jsonl(person)
        if not said:
            raise ChatError("chat.no_tests")
        source = hashlib.sha256(said.encode()).hexdigest()
        every = datasets.every_version(person, workspace)
        if known := next((one for one in every if one.source_sha256 == source), None):
            return known
        write = partial(_write, [json.loads(line) for line in said.splitlines()], Pictures(workspace).folder(person))
        free = names.free(name, [one.name for one in every], "data")
        values = {"name": free, "owner": person.id, "source_sha256": source}
        with tempfile.TemporaryDirectory(dir=workspace.datasets, prefix=".incoming-") as folder:
            staging = Path(folder) / "whole"
            return datasets.keep(workspace, staging, partial(write, staging), values)


def _answer(turn: Turn) -> Message:
    return {"role": "assistant", "content": turn.reference}


def _write(rows: list[Row], source: Path, staging: Path, target: BinaryIO) -> Findings:
    """Every row, however few: a test of three questions is one."""
    writer = Writer(target, _visual, None)
    writer.records(Record(str(number), row) for number, row in enumerate(rows, start=1))
    deriving.bring({name for row in rows for name in deriving.pictures(row)}, source, staging)
    return writer.found()


def _visual(record: Record, number: int) -> Iterator[tuple[Any, Row]]:
    yield "visual", record.values
