"""What a run reads of several corpora: each with its weight, and how many documents are kept apart to measure on."""

from dataclasses import dataclass

from backend.data import datasets, intact
from backend.data.datasets import Dataset
from backend.errors import AccessError, DataError
from backend.paths import Workspace
from backend.people import Person
from backend.recipes.schema import Recipe

STREAMED_BYTES = 64 * 2**20
"""A longer text is streamed; a shorter one is tokenised as a whole, which finds every fault before the first step."""
HELD_DOCUMENTS = 256
HELD_TOKENS = 65_536
"""Of these a measurement takes seconds; of two hundredths of 45 GB it would take hours, and say no more."""


@dataclass(frozen=True)
class Weighed:
    """A data set, and its share of the text that is trained on, in any unit."""

    dataset: Dataset
    weight: float


def found(person: Person, workspace: Workspace, recipe: Recipe) -> tuple[Dataset, ...]:
    """The data sets that a recipe mixes in, in its order. AccessError for one that this person has not."""
    return tuple(_one(person, workspace, corpus.data) for corpus in recipe.corpora)


def weighed(recipe: Recipe, data: Dataset, corpora: tuple[Dataset, ...]) -> tuple[Weighed, ...]:
    """What is streamed, () when the rows of `data` are tokenised as a whole. DataError when its file is gone.

    `data` comes first, with weight 1 unless it is one of the `corpora` that the recipe names.
    """
    if recipe.objective != "text":
        return ()
    named = [Weighed(one, corpus.weight) for one, corpus in zip(corpora, recipe.corpora, strict=True)]
    if not named and intact.state(data)[0] <= STREAMED_BYTES:
        return ()
    own = [] if any(one.dataset.id == data.id for one in named) else [Weighed(data, 1.0)]
    return (*own, *named)


def _one(person: Person, workspace: Workspace, ref: str) -> Dataset:
    try:
        return datasets.find(person, workspace, ref)
    except (AccessError, DataError) as error:
        raise AccessError("data.no_corpus", name=ref[:100]) from error


def held_of(documents: int, share: float) -> int:
    """Documents of a corpus that are kept apart: the share, at least one and at most `HELD_DOCUMENTS`; 0 of share 0."""
    return min(HELD_DOCUMENTS, max(1, round(share * documents))) if share > 0 else 0
