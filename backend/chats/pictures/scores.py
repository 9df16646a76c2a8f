"""How near an answer comes to the right one: exact match and F1 of the words, as SQuAD counts them."""

import re
import unicodedata
from collections import Counter
from typing import NamedTuple

ARTICLES = re.compile(r"\b(a|an|the)\b")
# Letters with a cedilla are written for those with a comma below.
CEDILLAS = str.maketrans("şţ", "șț")


class Score(NamedTuple):
    """`exact`: the same words; `f1` from 0 to 1: how many of the words are shared."""

    exact: bool
    f1: float


def score(answer: str, reference: str) -> Score:
    said, right = words(answer), words(reference)
    if not said or not right:
        return Score(said == right, float(said == right))
    shared = sum((Counter(said) & Counter(right)).values())
    return Score(said == right, 2 * shared / (len(said) + len(right)))


def words(text: str) -> list[str]:
    """Lower case, without punctuation and English articles."""
    plain = unicodedata.normalize("NFC", text).casefold().translate(CEDILLAS)
    spoken = "".join(letter for letter in plain if not unicodedata.category(letter).startswith("P"))
    return ARTICLES.sub(" ", spoken).split()
