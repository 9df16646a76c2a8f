"""Questions in one file and their answers in another, as VQA has them: one row for both."""

from collections.abc import Sequence

from backend.data.opening.boxes.members import Member
from backend.data.opening.opened import Record, Values

KEY, ASKED = "question_id", "question"
Placed = tuple[Member, Record]


def joined(rows: Sequence[Placed]) -> list[Placed]:
    """Rows of the same question as one, which stands where the question does; all others as they are."""
    others: dict[str | int | None, Values] = {}
    for _, record in rows:
        key = _key(record)
        if key is not None and ASKED not in record.values:
            others.setdefault(key, record.values)
    if not others:
        return list(rows)
    asked = {_key(record) for _, record in rows if ASKED in record.values}
    return [
        (table, record._replace(values={**others.get(_key(record), {}), **record.values}))
        for table, record in rows
        if ASKED in record.values or _key(record) not in asked
    ]


def _key(record: Record) -> str | int | None:
    found = record.values.get(KEY)
    return found if isinstance(found, str | int) else None
