"""Mending what was found: the rows as they should be, as a new version of the data set.

A row is left out, or written anew; everything else in it, and all other rows, stay as they are.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from backend.data import rows
from backend.data.datasets import Dataset, Step
from backend.data.doctor.check import rules
from backend.data.doctor.rules.rule import Rule, Writing
from backend.data.doctor.seen import Reader, Seen, rewritten
from backend.data.rows import Row
from backend.errors import DataError

STEP = "fix"
Watch = Callable[[int], None]


def names(reader: Reader | None = None) -> tuple[str, ...]:
    """Of all fixes there are. A sentence on each stands at doctor.fix.NAME; what is too long needs a model."""
    return tuple(rule.fix for rule in rules(reader, Path()) if rule.fix)


def require(fixes: Sequence[str], reader: Reader | None) -> None:
    """DataError for none, and for one that is not known."""
    known = names(reader)
    unknown = [name for name in fixes if name not in known]
    if unknown or not fixes:
        raise DataError("doctor.no_fix", name=(unknown or ["-"])[0][:60], known=", ".join(known))


def step(fixes: Sequence[str], reader: Reader | None, job: str = "") -> Step:
    """What is recorded with the version. `job`: which job made it."""
    settings: dict[str, Any] = {"fixes": list(fixes)}
    if reader and any(name in ("drop_slight", "drop_long", "part_control_words") for name in fixes):
        settings |= {"model": reader.model, "most": reader.most}
    return Step(name=STEP, settings=settings | ({"job": job} if job else {}))


def mended(
    dataset: Dataset, fixes: Sequence[str], reader: Reader | None = None, watch: Watch = lambda _: None
) -> Iterator[Row]:
    """The rows with these fixes. They are read twice where some are left out: only all of them show which."""
    chosen = [rule for rule in rules(reader, dataset.path.parent) if rule.fix in fixes]
    writing = [rule for rule in chosen if isinstance(rule, Writing)]
    gone = _left_out(dataset, [rule for rule in chosen if not isinstance(rule, Writing)], watch)
    for number, row in enumerate(rows.read(dataset.path), start=1):
        watch(number)
        if number not in gone:
            yield written(row, number, writing)


def _left_out(dataset: Dataset, chosen: list[Rule], watch: Watch) -> set[int]:
    if not chosen:
        return set()
    for number, row in enumerate(rows.read(dataset.path), start=1):
        watch(number)
        seen = Seen(number, str(number), row)
        for rule in chosen:
            rule.take(seen)
    for rule in chosen:
        rule.settle()
    return {number for rule in chosen for number in rule.numbers}


def written(row: Row, number: int, writing: list[Writing]) -> Row:
    """The row as these rules would have it. One after another: each sees what those before it have mended."""
    for rule in writing:
        seen = Seen(number, str(number), row)
        if rule.concerns(seen):
            row = rewritten(row, partial(rule.written, seen=seen))
    return row
