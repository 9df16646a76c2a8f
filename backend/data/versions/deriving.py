"""The next version of a data set: made beside it from its rows and a step, never in its place."""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock

from backend.data import datasets, intact, reading
from backend.data.actions.queueing import require_own
from backend.data.datasets import Dataset, Step
from backend.data.opening.opened import Record
from backend.data.pictures import keeping
from backend.data.reading import Findings
from backend.data.shapes import Row, Shape
from backend.errors import DataError
from backend.paths import Workspace
from backend.people import Person

LOCK = ".versions.lock"
PICTURE = re.compile(rf"{keeping.FOLDER}/[0-9a-f]{{64}}\.[a-z0-9]+")


def derive(
    person: Person, workspace: Workspace, parent: Dataset, step: Step, rows: Iterable[Row], shape: Shape | None = None
) -> Dataset:
    """Keep these stored rows as the next version in the series of `parent`, with the pictures they name. They have the
    shape of the parent unless another is given. Killed at any moment, there is the whole version or none.

    AccessError for somebody else's data set, DataError when the parent's rows are gone or others than were added, or
    when these are none, the same as the parent's, or too few to train on.
    """
    require_own(person, workspace, parent)
    intact.require(parent)
    with FileLock(workspace.datasets / LOCK, is_singleton=False):
        return _next(person, workspace, parent, step, partial(_write, rows, shape or parent.shape, parent))


def _next(
    person: Person, workspace: Workspace, parent: Dataset, step: Step, write: Callable[[Path, BinaryIO], Findings]
) -> Dataset:
    """Two at once would both be the same version: one waits for the other."""
    every = datasets.every_version(person, workspace)
    kept: dict[str, Any] = parent.model_dump(exclude={"id", "path", "shipped", "source_sha256", "skipped", "added_at"})
    values = kept | {
        "owner": person.id,
        "series": parent.line,
        "version": 1 + max(one.version for one in every if one.line == parent.line),
        "parent": parent.id,
        "steps": (*parent.steps, step),
    }
    with tempfile.TemporaryDirectory(dir=workspace.datasets, prefix=".incoming-") as folder:
        staging = Path(folder) / "whole"
        return datasets.keep(workspace, staging, partial(write, staging), values)


def _write(rows: Iterable[Row], shape: Shape, parent: Dataset, staging: Path, target: BinaryIO) -> Findings:
    named = set[str]()
    iterator = iter(rows)
    first = next(iterator, None)
    if first is None:
        raise DataError("data.nothing_left")
    records = (Record(str(n), row, None) for n, row in enumerate(_noting(first, iterator, named), start=1))
    findings = reading.write(records, target, lambda record, _: ((shape, record.values),))
    if findings.digest == parent.sha256:
        raise DataError("data.nothing_changed")
    bring(named, parent.path.parent, staging)
    return findings


def _noting(first: Row, others: Iterator[Row], named: set[str]) -> Iterator[Row]:
    """The same rows; `named` gets the pictures that they name."""
    yield first
    named.update(pictures(first))
    for row in others:
        yield row
        named.update(pictures(row))


def pictures(row: Row) -> Iterator[str]:
    """The pictures that a stored row names, inside the folder of its data set."""
    parts = [row, *(part for turn in row.get("messages", ()) for part in _parts(turn))]
    for part in parts:
        name = part.get("image")
        if isinstance(name, str) and PICTURE.fullmatch(name):
            yield name


def _parts(turn: Row) -> list[Row]:
    content = turn.get("content")
    return [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []


def bring(named: set[str], source: Path, staging: Path) -> None:
    """Pictures and small pictures of one folder in another: the same bytes under a second name where the disk can, else
    a copy, since pictures are never changed in place.
    """
    for name in sorted(named):
        small = keeping.small(source, name)
        for path in (source / name, *([small] if small.is_file() else [])):
            _link(path, staging / path.relative_to(source))


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
