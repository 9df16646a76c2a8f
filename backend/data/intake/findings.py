"""What is the matter with a file: each kind of fault once, with how many rows it affects and where the first are."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from backend.data import languages
from backend.data.doctor.finding import EXAMPLES, Finding, of_error, of_notice
from backend.data.opening.opened import Record
from backend.data.reading import Convert, changed_kind
from backend.data.rows import texts
from backend.data.shapes import Row, Shape
from backend.errors import StudioError

SPOKEN = 200
__all__ = ["Count", "Finding", "all_of", "of_error", "of_notice"]


@dataclass
class Count:
    """Of the records that passed: `total`, `rows` that came of them, and what was wrong with the others (`last`:
    with the last one)."""

    total: int = 0
    rows: int = 0
    shape: Shape | None = None
    first: dict[str, StudioError] = field(default_factory=dict)
    places: dict[str, list[str]] = field(default_factory=dict)
    affected: Counter[str] = field(default_factory=Counter)
    spoken: Counter[str] = field(default_factory=Counter)
    last: StudioError | None = None
    begun: str = ""

    def take(self, record: Record, convert: Convert) -> list[Row]:
        """The stored rows of a record; none of a faulty one, whose fault is counted."""
        self.total += 1
        self.last = None
        try:
            if record.fault is not None:
                raise record.fault
            made = list(convert(record, self.total))
        except StudioError as error:
            self.fault(record.place, changed_kind(error, record, self.begun))
            return []
        self.begun = self.begun or record.place
        for shape, row in made:
            self.rows += 1
            self.shape = self.shape or shape
            if self.rows <= SPOKEN:
                self.spoken[languages.of(texts(row))] += 1
        return [row for _, row in made]

    def fault(self, place: str, error: StudioError) -> None:
        """What keeps the record at this place from becoming a row."""
        self.last = error
        self.affected[error.key] += 1
        self.first.setdefault(error.key, error)
        known = self.places.setdefault(error.key, [])
        if len(known) < EXAMPLES:
            known.append(place)

    def findings(self) -> list[Finding]:
        """The commonest first; the sentence is that of the first row."""
        found = []
        for key, rows in self.affected.most_common():
            error = self.first[key]
            told = type(error)(key, **{**error.values, "affected": rows, "total": self.total})
            found.append(of_error(told, tuple(self.places[key]), rows))
        return found

    def languages(self) -> list[str]:
        """Those in which at least a tenth of the first rows are, the commonest first."""
        least = max(1, sum(self.spoken.values()) // 10)
        return [name for name, count in self.spoken.most_common() if name and count >= least]


def all_of(records: Iterable[Record], convert: Convert) -> Count:
    """Of every record, one after another."""
    found = Count()
    for record in records:
        found.take(record, convert)
    return found
