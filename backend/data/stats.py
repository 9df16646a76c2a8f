"""How much there is in a data set, in characters: enough for a forecast, without a tokenizer."""

import bisect
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from backend.data import rows
from backend.data.datasets import Dataset

# Upper bounds of the length classes in characters, each about a quarter more than the one before.
BOUNDS = tuple(sorted({round(16 * 1.25**n) for n in range(60)}))


class Stats(BaseModel):
    """`lengths`: (longest of the class, rows in it) in characters, shortest first; `answer_characters` are learned."""

    model_config = ConfigDict(frozen=True)
    rows: int
    distinct: int
    messages: int
    characters: int
    answer_characters: int
    longest: int
    lengths: tuple[tuple[int, int], ...]


def stats(dataset: Dataset) -> Stats:
    return _measured(dataset.path, dataset.sha256)


@lru_cache(maxsize=32)
def _measured(path: Path, _sha256: str) -> Stats:
    lengths: dict[int, int] = {}
    seen: set[int] = set()
    messages = characters = answer_characters = longest = 0
    for row in rows.read(path):
        said = list(rows.texts(row))
        size = sum(map(len, said))
        seen.add(hash(tuple(said)))
        messages += len(said)
        characters += size
        answer_characters += size if rows.shape(row) == "text" else sum(map(len, rows.answers(row)))
        longest = max(longest, size)
        bound = BOUNDS[min(bisect.bisect_left(BOUNDS, size), len(BOUNDS) - 1)]
        lengths[bound] = lengths.get(bound, 0) + 1
    return Stats(
        rows=sum(lengths.values()),
        distinct=len(seen),
        messages=messages,
        characters=characters,
        answer_characters=answer_characters,
        longest=longest,
        lengths=tuple(sorted(lengths.items())),
    )
