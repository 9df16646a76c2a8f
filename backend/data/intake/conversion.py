"""From what was opened to stored rows: the mapping that was chosen, or the one that is recognised."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from backend.data.mapping.building.visuals import Keep, named
from backend.data.mapping.mapping import Mapping
from backend.data.mapping.recognition import recognise
from backend.data.opening.opened import Notice, Opened, Record
from backend.data.reading import Convert, normalised
from backend.data.shapes import Row, Shape, is_stored
from backend.errors import DataError

SAMPLE = 200
KNOWN: tuple[Shape, ...] = ("chat", "text", "preference")
TOLD = {f"mapping.{name}" for name in ("verdict", "unlearned", "thoughts", "media", "no_pictures")}
"""What the names of the fields do not say."""
UNKNOWN = ("data.unknown_fields", "data.not_text", "data.not_turns", "data.turn_fields", "data.unknown_role")


def sample(opened: Opened, most: int = SAMPLE) -> list[Record]:
    """The first records, without faulty ones; pictures among them can no longer be read."""
    return [record for record in islice(opened.records(), most) if record.fault is None]


def mapping_of(opened: Opened, first: list[Record]) -> Mapping:
    """What the columns are recognised as, by these records."""
    values = [record.values for record in first]
    return recognise(opened.understood.columns or _columns(values), values)


def _columns(rows: list[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for row in rows for name in row))


@dataclass(frozen=True)
class ByMapping:
    """Rows by this mapping, pictures stored by `keep`."""

    mapping: Mapping
    keep: Keep

    def __call__(self, record: Record, number: int) -> Iterator[tuple[Shape, Row]]:
        for row in self.mapping.rows(record.values, record.place, number, self.keep):
            yield self.mapping.shape, row


def by(mapping: Mapping, columns: Iterable[str] = (), keep: Keep = named) -> Convert:
    """DataError when the mapping names a column that is not among those."""
    known = tuple(columns)
    if known:
        mapping.checked(known)
    return ByMapping(mapping, keep)


def notices(convert: Convert) -> tuple[Notice, ...]:
    """What was unsure, or will be otherwise than in the file, where the columns were recognised."""
    return convert.mapping.notices if isinstance(convert, ByMapping) else ()


def chosen(opened: Opened, mapping: Mapping | None, keep: Keep = named, first: list[Record] | None = None) -> Convert:
    """By what a person has chosen; else by the names of the fields, row by row, where these are known and agree with
    what the columns are recognised as; else by that. `first`: a sample of the records, if there is one already.
    DataError for a mapping of columns that are not there.
    """
    if mapping is not None:
        return by(mapping, opened.understood.columns, keep)
    first = sample(opened) if first is None else first
    if first and all(_as_stored(record.values) for record in first):
        return normalised
    found = mapping_of(opened, first)
    sure = found.shape in KNOWN and not TOLD & {notice.key for notice in found.notices}
    return normalised if sure and _known(first, found.shape) else by(found, (), keep)


def _as_stored(values: dict[str, Any]) -> bool:
    """Whether a row is a chat in words and nothing else: then no column can mean anything else, nor be left out."""
    if values.keys() != {"messages"} or not is_stored(values["messages"]):
        return False
    return not any(one["content"].lstrip().startswith(("[", "{")) for one in values["messages"])


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
