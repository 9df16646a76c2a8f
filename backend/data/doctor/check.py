"""Looking at every row once, with all rules; and the report of what they found."""

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

from backend.data import reading, rows
from backend.data.datasets import Dataset
from backend.data.doctor.finding import Example, Finding, example
from backend.data.doctor.report import Report
from backend.data.doctor.rules import pictures
from backend.data.doctor.rules.controls import Controls
from backend.data.doctor.rules.italian import Accents
from backend.data.doctor.rules.leaks import Leaks, Unparted
from backend.data.doctor.rules.letters import Cedilla, Lost, NoMarks, WrongEncoding
from backend.data.doctor.rules.personal import Personal
from backend.data.doctor.rules.rule import Rule
from backend.data.doctor.rules.same import Duplicates, NearDuplicates
from backend.data.doctor.rules.sizes import Empty, Long, Short, Slight
from backend.data.doctor.rules.whole import Decimals, Keys, Labels, Languages, MixedLabels
from backend.data.doctor.seen import Reader, Seen
from backend.data.rows import Row
from backend.data.shapes import Shape
from backend.errors import DataError

SEVERITIES = ("error", "warning", "notice")


def rules(reader: Reader | None, folder: Path | None, *, brief: bool = False) -> list[Rule]:
    """All of them. `reader`: the chosen model; `folder`: where the pictures of the rows lie, None for no pictures."""
    found: list[Rule] = [
        Empty(), Duplicates(), Short(), Controls(reader), WrongEncoding(), Lost(), Cedilla(),
        NoMarks(), Accents(), Personal(), Unparted(), Leaks(), Languages(), Labels(), MixedLabels(), Keys(), Decimals(),
    ]  # fmt: skip
    return [
        *found,
        *([] if brief else [NearDuplicates()]),
        *([Slight(reader), Long(reader)] if reader else []),
        *(pictures.all_of(folder) if folder else ()),
    ]


class Doctor:
    """Takes rows in their order, from a data set or as they come out of a file. `brief`: without
    near repetitions and without py3langid, which take most of a second to begin with.
    """

    def __init__(self, reader: Reader | None = None, folder: Path | None = None, *, brief: bool = False) -> None:
        self._brief = brief
        self._rules = rules(reader, folder, brief=brief)
        self._reader = reader
        self._shape: Shape | None = None
        self._begun = time.perf_counter()
        self.rows = 0

    def take(self, row: Row, place: str = "") -> None:
        self.rows += 1
        seen = Seen(self.rows, place or str(self.rows), row, asking=not self._brief)
        self._shape = self._shape or seen.shape
        for rule in self._rules:
            rule.take(seen)

    def too_few(self) -> DataError | None:
        """Why these rows cannot be kept, when they are all there are and too few to train on."""
        rule = next(rule for rule in self._rules if isinstance(rule, Duplicates))
        return reading.too_few(self.rows, rule.distinct, self._shape, rule.bytes)

    def report(self, again: Callable[[], Iterable[tuple[str, Row]]]) -> Report:
        """After the last row. `again`: (place, row) once more from the first, for the words of rows of which only the
        number is known.
        """
        for rule in self._rules:
            rule.settle()
        found = [one for rule in self._rules for one in rule.findings()]
        found.sort(key=lambda one: (SEVERITIES.index(one.severity), -one.rows))
        languages = next(rule.counts() for rule in self._rules if isinstance(rule, Languages))
        lengths = next((rule.lengths() for rule in self._rules if isinstance(rule, Long)), None)
        return Report(
            rows=self.rows,
            shape=self._shape,
            model=self._reader.model if self._reader else "",
            findings=tuple(_with_words(found, again)),
            languages=languages,
            lengths=lengths,
            seconds=time.perf_counter() - self._begun,
        )


def check(dataset: Dataset, reader: Reader | None = None, watch: Callable[[int], None] = lambda _: None) -> Report:
    """Of all rows of a data set. `watch` is told after each how many there were."""
    doctor = Doctor(reader, dataset.path.parent)
    for row in rows.read(dataset.path):
        doctor.take(row)
        watch(doctor.rows)
    report = doctor.report(lambda: ((str(at), row) for at, row in enumerate(rows.read(dataset.path), start=1)))
    return report.model_copy(update={"dataset": dataset.id, "sha256": dataset.sha256})


def _with_words(found: list[Finding], again: Callable[[], Iterable[tuple[str, Row]]]) -> Iterator[Finding]:
    """With the text, and the place in the file, of those examples that have only the number of their row."""
    wanted = {int(n) for one in found for bare in one.examples if _bare(bare) for n in (bare.place, bare.like)}
    known: dict[int, tuple[str, str]] = {}
    if wanted:
        for number, (place, row) in enumerate(islice(again(), max(wanted)), start=1):
            if number in wanted:
                known[number] = place, "\n".join(rows.texts(row))
    for one in found:
        examples = tuple(_told(bare, known) if _bare(bare) else bare for bare in one.examples)
        yield one.model_copy(update={"examples": examples, "places": tuple(told.place for told in examples)})


def _bare(one: Example) -> bool:
    return bool(one.like) and not one.text


def _told(bare: Example, known: dict[int, tuple[str, str]]) -> Example:
    own, other = known.get(int(bare.place)), known.get(int(bare.like))
    return example(own[0], own[1], like=other[0]) if own and other else bare
