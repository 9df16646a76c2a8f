"""What a run reads of several corpora: each with its weight, and how many documents are kept apart to measure on."""

from dataclasses import dataclass

from backend.data.datasets import Dataset

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


def held_of(documents: int, share: float) -> int:
    """Documents of a corpus that are kept apart: the share, at least one and at most `HELD_DOCUMENTS`; 0 of share 0."""
    return min(HELD_DOCUMENTS, max(1, round(share * documents))) if share > 0 else 0
