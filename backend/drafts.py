"""What a person has typed in the page and not sent yet, by form: a row of the ledger in which the newest text wins."""

import time
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from sqlalchemy import Connection, insert, select, update

from backend.ledger.schema import drafts
from backend.ledger.store import Ledger
from backend.people import Person

# Characters of one draft; what is longer stays in the browser where it was typed.
LONGEST = 200_000


class Draft(BaseModel):
    """`stamp` is the name that the browser gave this very text, `at` when it was typed: UTC epoch seconds."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    text: str
    stamp: str
    at: float


ROW = TypeAdapter(dict[str, Draft])


@dataclass(frozen=True)
class Drafts:
    ledger: Ledger

    def of(self, person: Person) -> dict[str, Draft]:
        """By form. An emptied one is there, with no text."""
        with self.ledger.read() as rows:
            return found(rows, person) or {}

    def keep(self, person: Person, form: str, draft: Draft) -> bool:
        """False when a newer one is there already. SetupError as `Ledger.write`."""
        with self.ledger.write() as rows:
            before = found(rows, person)
            mine = before or {}
            if form in mine and mine[form].at > draft.at:
                return False
            kept = {"form": ROW.dump_python({**mine, form: draft}), "changed_at": time.time()}
            if before is None:
                rows.execute(insert(drafts).values(owner=person.id, **kept))
            else:
                rows.execute(update(drafts).where(drafts.c.owner == person.id).values(**kept))
        return True


def found(rows: Connection, person: Person) -> dict[str, Draft] | None:
    """None without a row. One that cannot be understood is empty: a draft is no reason not to open the page."""
    row = rows.execute(select(drafts.c.form).where(drafts.c.owner == person.id)).one_or_none()
    if row is None:
        return None
    try:
        return ROW.validate_python(row.form)
    except ValidationError:
        return {}
