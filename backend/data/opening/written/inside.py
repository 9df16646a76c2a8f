"""A document that is a table, and little else: a list of questions and answers that somebody typed into Word."""

from collections.abc import Iterator, Sequence
from functools import partial

from backend.data.opening.opened import Kind, Notice, Opened, Record, Understood
from backend.data.opening.written import table_shape
from backend.data.opening.written.table import named

FEWEST_ROWS, MOST_COLUMNS = 3, 50
# Letters of the table for one beside it.
SHARE = 4
Rows = Sequence[Sequence[str]]


def table(rows: Rows, beside: int, kind: Kind, encoding: str = "") -> Opened | None:
    """The only table of a document as rows with named columns; None where it is a layout, or a part of a text.

    `beside`: letters that stand outside of it. They are left out, which is said.
    """
    widths = {len(row) for row in rows}
    if len(rows) < FEWEST_ROWS or len(widths) != 1 or not 2 <= widths.pop() <= MOST_COLUMNS:
        return None
    first = [list(row) for row in rows[: table_shape.ROWS]]
    inside = sum(len(cell.strip()) for row in rows for cell in row)
    named_all = all(cell.strip() for cell in rows[0])
    if inside < SHARE * beside or not named_all or not table_shape.has_header(first):
        return None
    columns = named(first[0])
    notice = Notice(key="opening.table_inside" if beside else "opening.table_whole", values={"letters": beside})
    understood = Understood(kind=kind, encoding=encoding, header=True, columns=columns, notices=(notice,))
    return Opened(understood, partial(_records, rows[1:], columns))


def _records(rows: Rows, columns: tuple[str, ...]) -> Iterator[Record]:
    for number, row in enumerate(rows, start=2):
        if any(cell.strip() for cell in row):
            yield Record(str(number), dict(zip(columns, (cell.strip() for cell in row), strict=False)))
