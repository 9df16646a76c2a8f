"""A row with a label, a score or options as a chat: a question in one of three languages, and its answer."""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import yaml

from backend.data import languages, rows
from backend.data.rows import Row

ASKED = ("label", "score", "exam")
MOST_LABELS = 30
"""More labels than this are not named in a question."""


class Span(NamedTuple):
    """What all rows of a set have together: the labels there are, and the lowest and the highest score; `several`: some
    exam question has more than one right option.
    """

    labels: tuple[str, ...] = ()
    lowest: float | None = None
    highest: float | None = None
    several: bool = False


def span(found: Iterable[Row]) -> Span:
    """Of these rows; labels in the order of the alphabet."""
    labels: set[str] = set()
    scores: list[float] = []
    several = False
    for row in found:
        labels.update(row["label"].split(", ") if "label" in row else ())
        if "score" in row:
            # Only the ends are kept: a set may have a million scores.
            scores = [min([row["score"], *scores]), max([row["score"], *scores])]
        several = several or len(row.get("answers", ())) > 1
    ends = (scores[0], scores[1]) if scores else (None, None)
    return Span(tuple(sorted(labels)), ends[0], ends[1], several)


def as_chat(row: Row, language: str, known: Span | None = None) -> Row:
    """The row as a chat in its stored form; a chat, and every shape that is not `ASKED`, as it is.

    `known` lets the question name the labels or the ends of the scale.
    """
    shape = rows.shape(row)
    if shape not in ASKED:
        return row
    asked, answer = MAKERS[shape](row, sentences(language), known or Span())
    return {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]}


def as_visual(row: Row, language: str = "") -> Row:
    """A picture with a caption as a chat that asks for it, in the caption's own language unless one is given; every
    other row as it is.
    """
    if rows.shape(row) != "caption":
        return row
    spoken = language or languages.of([row["caption"]]) or "en"
    shown = [{"type": "image", "image": row["image"]}, {"type": "text", "text": sentences(spoken)["caption"]}]
    answer = {"role": "assistant", "content": row["caption"]}
    return {"messages": [{"role": "user", "content": shown}, answer]}


@cache
def sentences(language: str) -> dict[str, str]:
    every: dict[str, dict[str, str]] = yaml.safe_load((Path(__file__).parent / "sentences.yaml").read_text("utf-8"))
    return every[language]


def _label(row: Row, words: dict[str, str], known: Span) -> tuple[str, str]:
    named = 1 < len(known.labels) <= MOST_LABELS
    sentence = words["label_of" if named else "label"]
    return _filled(sentence, text=row["text"], labels=", ".join(known.labels)), row["label"]


def _score(row: Row, words: dict[str, str], known: Span) -> tuple[str, str]:
    ends = known.lowest is not None and known.highest is not None and known.lowest < known.highest
    low, high = (f"{end:g}" for end in (known.lowest or 0.0, known.highest or 0.0))
    sentence = words["score_of" if ends else "score"]
    asked = _filled(sentence, first=row["first"], second=row["second"], lowest=low, highest=high)
    return asked, f"{row['score']:g}"


def _exam(row: Row, words: dict[str, str], known: Span) -> tuple[str, str]:
    options = "\n".join(f"{place}. {option}" for place, option in enumerate(row["options"], start=1))
    several = known.several or len(row["answers"]) > 1
    asked = _filled(words["exam_several" if several else "exam"], question=row["question"], options=options)
    return asked, ", ".join(map(str, row["answers"]))


def _filled(sentence: str, **values: str) -> str:
    """Each {name} by its value, once: what stands in a text is never read as a place to fill."""
    return re.sub(r"{(\w+)}", lambda found: values[found[1]], sentence)


MAKERS = {"label": _label, "score": _score, "exam": _exam}
