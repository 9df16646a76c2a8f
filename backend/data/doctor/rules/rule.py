"""What every rule has in common: it looks at one row after another, and says in the end what it found."""

import re
from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from backend.data.doctor.finding import EXAMPLES, Example, Finding, Severity, example, said
from backend.data.doctor.seen import Seen
from backend.messages import Count


class Span(NamedTuple):
    """A part of a text that is not right, and what is written in its place."""

    start: int
    end: int
    new: str


class Rule(ABC):
    """`numbers`: of the rows that it found something in, from 1."""

    code: ClassVar[str]
    severity: Severity = "warning"
    fix: ClassVar[str] = ""
    safe: bool = True

    def __init__(self) -> None:
        self.numbers = array("Q")
        self.examples: list[Example] = []

    def take(self, seen: Seen) -> None:
        found = self.look(seen)
        if found is not None:
            self.numbers.append(seen.number)
            if len(self.examples) < EXAMPLES:
                self.examples.append(found)

    @abstractmethod
    def look(self, seen: Seen) -> Example | None:
        """What is wrong with this row; None when nothing is."""

    def settle(self) -> None:  # noqa: B027 - most rules have nothing left to do then
        """After the last row, for what only all of them together show."""

    def findings(self) -> Iterator[Finding]:
        if self.numbers:
            yield self.finding(self.code, len(self.numbers), self.examples)

    def finding(self, name: str, rows: int, examples: list[Example], **values: object) -> Finding:
        told = said(f"doctor.{name}", affected=Count("doctor.rows", rows), **self.values(), **values)
        return Finding(
            code=f"doctor.{name}",
            severity=self.severity,
            rows=rows,
            places=tuple(one.place for one in examples),
            message=told,
            examples=tuple(examples),
            fix=self.fix,
            safe=self.safe,
        )

    def values(self) -> dict[str, object]:
        """Further values of the sentence."""
        return {}


class Writing(Rule):
    """A fault inside of texts. `hint`: a pattern that stands in every row that has it, and is quick to look for."""

    hint: re.Pattern[str]

    @abstractmethod
    def spans(self, text: str, seen: Seen) -> list[Span]:
        """All that is wrong in one text, in its order, none inside another."""

    def concerns(self, seen: Seen) -> bool:
        return self.hint.search(seen.whole) is not None

    def look(self, seen: Seen) -> Example | None:
        if self.concerns(seen):
            for text in seen.texts:
                for span in self.spans(text, seen):
                    return example(seen.place, text, span.start, span.end)
        return None

    def written(self, text: str, seen: Seen) -> str:
        """The text with all of it mended."""
        parts, at = [], 0
        for span in self.spans(text, seen):
            parts += [text[at : span.start], span.new]
            at = span.end
        return "".join([*parts, text[at:]])
