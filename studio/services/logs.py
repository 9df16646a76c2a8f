"""The log of a run: the lines that hold what somebody looks for, or all of them, and the whole file to take away."""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from backend.jobs.log import clean
from backend.jobs.model import Job
from backend.jobs.service import Jobs
from backend.people import Person

MOST_LINES = 500
CHUNK = 64 * 1024
Level = Literal["info", "warning", "error"]
LEVELS: tuple[Level, ...] = ("info", "warning", "error")

# Our own lines begin with date, time and level; what others write is judged by its words.
OWN = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (?P<level>[A-Z]+) ")
BEGINS_TRACEBACK = re.compile(r"^\s*(Traceback \(most recent call last\)|Fatal Python error)")
ENDS_TRACEBACK = re.compile(r"^(?:[\w.]+\.)?\w*(?:Error|Exception|Interrupt|Exit)\b")
WARNS = re.compile(r"\b\w*Warning\b")
OF_LEVEL: dict[str, Level] = {"WARNING": "warning", "ERROR": "error", "CRITICAL": "error"}


class Line(NamedTuple):
    number: int
    level: Level
    text: str


class Found(NamedTuple):
    """The newest `MOST_LINES` of `hits` lines that fit, of `total` in the log; `size` is its length in bytes."""

    lines: list[Line]
    hits: int
    total: int
    size: int


@dataclass(frozen=True)
class Logs:
    """Each method raises AccessError when the person has no such run."""

    jobs: Jobs
    person: Person

    def job(self, run: str) -> Job:
        return self.jobs.get(self.person, run)

    def path(self, run: str) -> Path:
        return self.jobs.folder(self.job(run)).log

    def find(self, run: str, text: str = "", least: Level = "info", known: int = -1) -> Found | None:
        """Lines with this text (upper and lower case alike) and at least this level; None while `size` is `known`."""
        return find(self.path(run), text, least, known)

    def whole(self, run: str) -> Iterator[bytes]:
        """The file as it is at this moment, in pieces; of a log that grows meanwhile, not more than that."""
        return pieces(self.path(run))


def find(path: Path, text: str = "", least: Level = "info", known: int = -1) -> Found | None:
    size = path.stat().st_size if path.exists() else 0
    if size == known:
        return None
    wanted, lowest = text.casefold(), LEVELS.index(least)
    kept: deque[Line] = deque(maxlen=MOST_LINES)
    hits = total = 0
    for total, line in enumerate(levelled(read(path)), start=1):
        if LEVELS.index(line[0]) >= lowest and wanted in line[1].casefold():
            hits += 1
            kept.append(Line(total, *line))
    return Found([line._replace(text=clean(line.text)) for line in kept], hits, total, size)


def read(path: Path) -> Iterator[str]:
    if not path.exists():
        return
    with path.open("rb") as file:
        for raw in file:
            yield raw.decode("utf-8", errors="replace").rstrip("\r\n")


def levelled(lines: Iterator[str]) -> Iterator[tuple[Level, str]]:
    """Each line with its level. A traceback is an error from its first line to the one that names the exception."""
    broken = False
    for line in lines:
        own = OWN.match(line)
        broken = not own and (broken or bool(BEGINS_TRACEBACK.match(line)))
        yield level(line, own, broken=broken), line
        broken = broken and not ENDS_TRACEBACK.match(line)


def level(line: str, own: re.Match[str] | None, *, broken: bool) -> Level:
    if own:
        return OF_LEVEL.get(own["level"], "info")
    return "error" if broken else "warning" if WARNS.search(line) else "info"


def pieces(path: Path) -> Iterator[bytes]:
    if not path.exists():
        return
    with path.open("rb") as file:
        left = path.stat().st_size
        while left > 0 and (piece := file.read(min(CHUNK, left))):
            left -= len(piece)
            yield piece
