"""From what was opened to stored rows: the mapping that was chosen, or the one that is recognised."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from backend.data.mapping.building.visuals import Keep, named
from backend.data.mapping.mapping import Mapping
from backend.data.mapping.recognition import recognise
from backend.data.opening.opened import Opened, Record
from backend.data.reading import Convert, normalised
from backend.data.shapes import Row, Shape
from backend.errors import DataError

SAMPLE = 200
KNOWN: tuple[Shape, ...] = ("chat", "text", "preference")
UNKNOWN = ("data.unknown_fields", "data.not_text", "data.not_turns", "data.turn_fields", "data.unknown_role")


def mapping_of(opened: Opened, sample: int = SAMPLE) -> Mapping:
    """What the columns are recognised as, by the first records."""
    first = [record.values for record in islice(opened.records(), sample) if record.fault is None]
    return recognise(opened.understood.columns or _columns(first), first)


def _columns(rows: list[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for row in rows for name in row))


def by(mapping: Mapping, columns: Iterable[str] = (), keep: Keep = named) -> Convert:
    """Rows by this mapping, pictures stored by `keep`. DataError when it names a column that is not among those."""
    known = tuple(columns)
    if known:
        mapping.checked(known)

    def convert(record: Record, number: int) -> Iterator[tuple[Shape, Row]]:
        for row in mapping.rows(record.values, record.place, number, keep):
            yield mapping.shape, row

    return convert


def chosen(opened: Opened, mapping: Mapping | None, keep: Keep = named) -> Convert:
    """By what a person has chosen; else by the names of the fields, row by row, where these are known and agree with
    what the columns are recognised as; else by that. DataError for a mapping of columns that are not there.
    """
    if mapping is not None:
        return by(mapping, opened.understood.columns, keep)
    first = [record for record in islice(opened.records(), SAMPLE) if record.fault is None]
    values = [record.values for record in first]
    found = recognise(opened.understood.columns or _columns(values), values)
    return normalised if found.shape in KNOWN and _known(first, found.shape) else by(found, (), keep)


def _known(records: list[Record], shape: Shape) -> bool:
    """Whether the fields of these records, as far as they are sound, have the names of this shape."""
    met = set()
    for number, record in enumerate(records, start=1):
        try:
            met |= {kind for kind, _ in normalised(record, number)}
        except DataError as error:
            if error.key in UNKNOWN:
                return False
    return met <= {shape}
