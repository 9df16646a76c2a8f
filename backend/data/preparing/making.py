"""The rows that a plan makes of a data set."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import assert_never

from backend.data import intact, rows
from backend.data.datasets import Dataset
from backend.data.doctor import tongues
from backend.data.preparing.cleaning import cleaned
from backend.data.preparing.mixing import Source, mixed
from backend.data.preparing.parting import parts
from backend.data.preparing.plan import AnyStep, AsChat, Clean, Filter, Mix, Plan, Split
from backend.data.review.columns import COLUMNS
from backend.data.rows import Row, texts
from backend.data.shapes import Shape
from backend.data.split import PART
from backend.data.tasks.asking import ASKED, as_chat, span
from backend.errors import DataError

Rows = Callable[[], Iterable[Row]]
Find = Callable[[str], Dataset]
"""The data set of this name or id."""
Watch = Callable[[int], None]
"""Told how many rows were read."""
PICTURED = ("caption", "visual")
STAYING = (PART, "origin", *COLUMNS)
"""What other steps have said of a row."""


def require(plan: Plan, dataset: Dataset, find: Find) -> Shape:
    """The shape of what the plan makes. DataError for a step that cannot be done to rows of this shape."""
    shape = dataset.shape
    for step in plan.steps:
        if isinstance(step, Clean) and shape != "text":
            raise DataError("preparing.only_texts", shape=shape)
        if isinstance(step, AsChat):
            if shape not in ASKED:
                raise DataError("preparing.no_tasks", shape=shape)
            shape = "chat"
        if isinstance(step, Mix):
            _require_same(shape, [find(other.data) for other in step.others])
    return shape


def _require_same(shape: Shape, others: list[Dataset]) -> None:
    for other in others:
        if other.shape != shape:
            raise DataError("preparing.other_shape", name=other.name, shape=other.shape, wanted=shape)
        if shape in PICTURED:
            raise DataError("preparing.no_pictures", name=other.name)


def made(plan: Plan, dataset: Dataset, find: Find, watch: Watch = lambda _: None) -> Iterator[Row]:
    """Lazily; a step that needs to see all rows first makes those before it twice."""
    every: Rows = partial(_watched, dataset, watch)
    for step in plan.steps:
        every = partial(_after, step, every, dataset, find)
    yield from every()


def _watched(dataset: Dataset, watch: Watch) -> Iterator[Row]:
    for number, row in enumerate(rows.read(dataset.path), start=1):
        watch(number)
        yield row


def _after(step: AnyStep, before: Rows, dataset: Dataset, find: Find) -> Iterator[Row]:
    match step:
        case Split():
            return parts(before, step)
        case Filter():
            return (row for row in before() if kept(row, step))
        case Clean():
            return cleaned(iter(before()), step)
        case AsChat():
            return _asked(before, step)
        case Mix():
            return mixed([Source(dataset.name, step.weight, before), *_others(step, find)], step)
        case _:
            assert_never(step)


def _others(step: Mix, find: Find) -> Iterator[Source]:
    for other in step.others:
        found = find(other.data)
        intact.require(found)
        yield Source(found.name, other.weight, partial(rows.read, found.path))


def _asked(before: Rows, step: AsChat) -> Iterator[Row]:
    """A chat keeps the part and the origin of its row, and who let it through."""
    known = span(before())
    for row in before():
        yield as_chat(row, step.language, known) | {name: row[name] for name in STAYING if name in row}


def kept(row: Row, wanted: Filter) -> bool:
    """Whether a row passes."""
    if wanted.parts and row.get(PART) not in wanted.parts:
        return False
    if wanted.column and str(row.get(wanted.column, "")) not in wanted.values:
        return False
    text = "\n".join(texts(row))
    if not wanted.least_characters <= len(text) <= (wanted.most_characters or len(text)):
        return False
    low = text.casefold()
    if wanted.contains.casefold() not in low or (wanted.without and wanted.without.casefold() in low):
        return False
    return not wanted.languages or tongues.of(text) in wanted.languages
