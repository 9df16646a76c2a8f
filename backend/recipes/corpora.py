"""Several corpora in one line, as people type them: `wiki: 0.3; oscar: 45.6`. A weight that is not said is 1."""

import re
from collections.abc import Iterable
from typing import Any

from backend.recipes.schema import Corpus

PARTED = re.compile(r"[;\n]")


def read(text: str) -> list[dict[str, Any]]:
    """What the line says, as values of the schema; a weight that is no number stays what it is, for the schema to
    refuse.
    """
    return [_one(part.strip()) for part in PARTED.split(text) if part.strip()]


def written(corpora: Iterable[Corpus]) -> str:
    """The same line again; "" for none."""
    return "; ".join(f"{corpus.data}: {corpus.weight:.10g}" for corpus in corpora)


def line(values: tuple[Any, ...]) -> str:
    """Corpora, or words, as a field holds them."""
    return written(values) if all(isinstance(one, Corpus) for one in values) else " ".join(map(str, values))


def _one(part: str) -> dict[str, Any]:
    name, colon, weight = part.rpartition(":")
    if not colon:
        return {"data": part}
    return {"data": name.strip(), "weight": weight.strip().replace(",", ".")}
