"""Questions about pictures that a run asks while it learns: some of its rows that it does not learn from."""

import hashlib
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.data import rows
from backend.data.pictures.stored import opened, size_of
from backend.data.rows import Row
from backend.data.tasks.asking import as_visual
from backend.jobs.folder import RunFolder

LONGEST_SIDE = 640
"""Pixels. Larger pictures are shown smaller, so that a run folder stays small."""


@dataclass(frozen=True)
class Probe:
    """`messages`: what the model is told, with whole paths of pictures; `question`: the last of it as a person reads
    it; `pictures`: files of the run folder that show what was asked about.
    """

    messages: list[Row]
    question: str
    expected: str
    pictures: tuple[str, ...]

    @classmethod
    def of(cls, row: Row, folder: RunFolder) -> "Probe":
        """Of a chosen row; its pictures are put into the run folder, where they stay when the data set is deleted."""
        told, answer = _first(row)
        shown = [Path(name) for message in told for name in rows.pictures(message)]
        return cls(told, rows.said(told[-1]), rows.said(answer), tuple(_kept(path, folder) for path in shown))


def chosen(apart: Iterable[Row], learned: Iterable[Row], most: int, seed: int) -> list[Row]:
    """At most so many rows, always the same ones, each with pictures that no other one has: those first of whose
    pictures nothing is learned, and that ask what no other one asks.
    """
    known = {name for row in learned for name in rows.pictures(row)}
    pool = [as_visual(row) for row in apart]
    pool = [row for row in pool if any(rows.pictures(message) for message in _first(row)[0])]
    pool.sort(key=lambda row: hashlib.sha256(f"{seed}\n{rows.question(row)}".encode()).digest())
    found: list[Row] = []
    asked: set[str] = set()
    shown: set[str] = set()
    for fresh, new_question in ((True, True), (True, False), (False, True), (False, False)):
        for row in pool:
            names, question = set(rows.pictures(row)), rows.plain(rows.said(_first(row)[0][-1]))
            repeats = bool(names & shown) or (new_question and question in asked) or (fresh and bool(names & known))
            if len(found) < most and not repeats:
                found.append(row)
                asked.add(question)
                shown |= names
    return found


def _first(row: Row) -> tuple[list[Row], Row]:
    """A conversation up to its first answer, and that answer."""
    messages: Sequence[Row] = row["messages"]
    at = next(at for at, message in enumerate(messages) if message["role"] == "assistant")
    return list(messages[:at]), messages[at]


def _kept(path: Path, folder: RunFolder) -> str:
    """The name of a picture in the run folder, from there on."""
    small = max(size_of(path)) <= LONGEST_SIDE
    name = f"{folder.pictures.name}/{path.stem[:64]}{path.suffix if small else '.jpg'}"
    place = folder.path / name
    if place.is_file():
        return name
    place.parent.mkdir(exist_ok=True)
    draft = place.with_name(f".{place.name}")
    if small:
        shutil.copyfile(path, draft)
    else:
        image = opened(path)
        image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        image.save(draft, "JPEG", quality=88)
    draft.replace(place)
    return name
