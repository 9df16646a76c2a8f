"""Exam questions with numbered options: in columns of their own, in a list, or inside of the question."""

import re
from typing import Any

from backend.data.mapping.building import cells, chats
from backend.data.mapping.building.cells import Values
from backend.data.mapping.fields import Fields
from backend.data.shapes import Row
from backend.errors import DataError

DIGIT = re.compile(r"(?:^|(?<=[\s,;:?.]))(\d)\s?(?:\)|\.(?!\d))\s*")
LETTER = re.compile(r"(?:^|(?<=[\s,;:?.]))([A-Ha-h])\s?[.)]\s*")
FEWEST = 2
BETWEEN = re.compile(r"[\s,;/|+&]+|\b(?:și|si|and|e|ed)\b")
FRAME = " .()[]"


def row(mapping: Fields, values: Values, place: str) -> Row:
    """{"question", "options", "answers": places from 1}; DataError where there are no options or no such answer."""
    question, options = asked(mapping, values, place)
    if not question.strip():
        raise DataError("data.empty_text", line=place)
    if len(options) < FEWEST:
        raise DataError("mapping.no_options", line=place)
    value = values.get(mapping.fields["answers"])
    found = answers(value, options, mapping.first_answer)
    if not found:
        raise DataError("mapping.no_such_answer", line=place, found=str(value)[:60], options=len(options))
    return {"question": question, "options": options, "answers": found}


def asked(mapping: Fields, values: Values, place: str) -> tuple[str, list[str]]:
    """(question without its options, options)."""
    text = cells.text(values, mapping.fields["question"], place, numbers=mapping.numbers_as_text).strip()
    if given := chats.about(mapping, values, place):
        text = f"{given}\n\n{text}"
    if mapping.options:
        cell = (cells.text(values, column, place, numbers=True).strip() for column in mapping.options)
        return text, [option for option in cell if option]
    if column := mapping.fields.get("options"):
        return text, cells.names(values.get(column))
    return parted(text)


def parted(text: str) -> tuple[str, list[str]]:
    """(what stands before the options, the options) of a question with options inside; [] where it has none."""
    chains = [_chain(pattern, text, first) for pattern, first in ((DIGIT, "1"), (LETTER, "A"))]
    best = max(chains, key=len)
    if len(best) < FEWEST:
        return text, []
    ends = [mark.start() for mark in best[1:]] + [len(text)]
    options = [text[mark.end() : end].strip().rstrip(";,").strip() for mark, end in zip(best, ends, strict=True)]
    return (text[: best[0].start()].strip(), options) if all(options) else (text, [])


def _chain(pattern: re.Pattern[str], text: str, first: str) -> list[re.Match[str]]:
    """The longest run of marks that count up from the first one; of equal ones the last."""
    marks = list(pattern.finditer(text))
    best: list[re.Match[str]] = []
    for start, mark in enumerate(marks):
        if mark[1].upper() != first:
            continue
        run = [mark]
        for other in marks[start + 1 :]:
            if ord(other[1].upper()) == ord(run[-1][1].upper()) + 1:
                run.append(other)
        best = run if len(run) >= len(best) else best
    return best


def answers(value: Any, options: list[str], first: int) -> list[int]:
    """Which options are right, from 1: written as numbers from `first`, as letters, or as the option itself.

    [] where one of them is not there.
    """
    found = cells.parsed(value)
    if isinstance(found, dict):
        found = found.get("text", found.get("label"))
    if isinstance(found, list | tuple):
        each = [answers(one, options, first) for one in found]
        return sorted({place for places in each for place in places}) if all(each) else []
    written = cells.written(found).strip() if found is not None else ""
    if written.strip(FRAME) in options or written in options:
        return [options.index(written if written in options else written.strip(FRAME)) + 1]
    return _marks(written, len(options), first)


def _marks(written: str, count: int, first: int) -> list[int]:
    parts = [part.strip(FRAME) for part in BETWEEN.split(written)]
    marks = [part for part in parts if part]
    # 135 or ACD, without anything between them.
    together = "".join(marks)
    if len(marks) == 1 and len(together) > 1 and count < 10 and (together.isdigit() or together.isalpha()):
        marks = list(together)
    places = [_place(mark, first) for mark in marks]
    return sorted(set(places)) if places and all(1 <= place <= count for place in places) else []


def _place(mark: str, first: int) -> int:
    if mark.isascii() and mark.isdigit():
        return int(mark) - first + 1
    return ord(mark.upper()) - ord("A") + 1 if len(mark) == 1 and mark.isascii() and mark.isalpha() else 0
