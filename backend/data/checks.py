"""Check sets: questions that are asked before and after a training, to see what was learned and what was forgotten.

A check set is a file of chats. A row may say its "language"; rows of one language are scored together, rows without one
are a group of their own (""). The studio ships some; any chat data set of a person can be one.
"""

import hashlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from backend.data import datasets, rows
from backend.data.datasets import Dataset
from backend.data.rows import Row, answers, question
from backend.errors import AccessError
from backend.paths import SAMPLE_DATA, Workspace
from backend.people import Person

SHIPPED = SAMPLE_DATA / "checks"


def available(person: Person, workspace: Workspace) -> list[Dataset]:
    """The shipped check sets, then the person's own chats, oldest first."""
    own = [found for found in datasets.available(person, workspace) if not found.shipped and found.shape == "chat"]
    return [*shipped(), *own]


def find(person: Person, workspace: Workspace, ref: str) -> Dataset:
    """The check set with this id, or this person's chats of this id or name; AccessError when there is none."""
    for known in shipped():
        if known.id == ref:
            return known
    found = datasets.find(person, workspace, ref)
    if found.shape != "chat":
        raise AccessError("data.no_check", name=found.name)
    return found


def shipped() -> list[Dataset]:
    return [_described(path, path.stat().st_mtime_ns) for path in sorted(SHIPPED.glob("*.jsonl"))]


def grouped(path: Path, most: int) -> dict[str, list[Row]]:
    """The rows to ask by group: of each the first `most` that end with an answer."""
    found: dict[str, list[Row]] = {}
    for row in rows.read(path):
        group = found.setdefault(str(row.get("language", "")), [])
        if len(group) < most and row["messages"][-1]["role"] == "assistant":
            group.append(row)
    return {name: group for name, group in found.items() if group}


def unknown(groups: dict[str, list[Row]], trained: Iterable[Row]) -> dict[str, list[Row]]:
    """Without the questions that a training asks too: an answer to them would show nothing."""
    asked = {question(row) for row in trained}
    kept = {name: [row for row in group if question(row) not in asked] for name, group in groups.items()}
    return {name: group for name, group in kept.items() if group}


def fingerprint(groups: dict[str, list[Row]]) -> str:
    """The same for the same questions and answers in the same groups and order."""
    found = hashlib.sha256()
    for part in _parts(groups):
        found.update(part.encode() + b"\0")
    return found.hexdigest()


def _parts(groups: dict[str, list[Row]]) -> Iterator[str]:
    for name, group in groups.items():
        yield name
        for row in group:
            yield from (question(row), *answers(row))


@lru_cache(maxsize=16)
def _described(path: Path, _changed: int) -> Dataset:
    raw = path.read_bytes()
    titles = yaml.safe_load((SHIPPED / "index.yaml").read_text(encoding="utf-8")).get(path.stem, {})
    values: dict[str, Any] = {"shipped": True, "shape": "chat", "titles": titles}
    values["sha256"] = hashlib.sha256(raw).hexdigest()
    return Dataset(id=path.stem, name=path.stem, path=path, rows=sum(1 for _ in rows.read(path)), **values)
