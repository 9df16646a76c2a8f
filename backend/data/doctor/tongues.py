"""The language of a row: by letters and common words; where these leave it open, by py3langid among the likely ones.

py3langid takes about a millisecond a text, the words a hundredth of that; both look at the beginning only.
"""

import re
from functools import cache
from importlib import import_module
from typing import Any

from backend.data.languages import COMMON, OWNERS, WORD

PLAUSIBLE = ("ro", "it", "en", "fr", "es", "pt", "de", "hu", "tr", "pl", "bg", "sr", "uk", "ru", "el", "la", "nl", "sq")
LETTERS = {"ro": re.compile("[ășțţ]"), "it": re.compile("[ìò]")}
HEAD, MORE, ASKED_HEAD = 240, 720, 200
FEWEST_LETTERS = 40
CERTAIN = 0.9


def of(text: str, *, asking: bool = True) -> str:
    """Such as "ro"; "" for a text that is too short to say."""
    for part in (text[:HEAD], text[HEAD:MORE]):
        found = by_words(part.casefold()) if part else ""
        if found:
            return found
    if not asking or sum(map(len, WORD.findall(text[:HEAD]))) < FEWEST_LETTERS:
        return ""
    named, share = _identifier().classify(text[:ASKED_HEAD])
    return str(named) if share >= CERTAIN else ""


def by_words(head: str) -> str:
    """The language that is clearly ahead; "" where none is."""
    words = head if head.isascii() else head.replace("ş", "ș").replace("ţ", "ț")
    owners = [OWNERS[word] for word in WORD.findall(words) if word in OWNERS]
    scores = {language: owners.count(language) for language in COMMON}
    if not head.isascii():
        for language, letters in LETTERS.items():
            scores[language] += min(4, 2 * len(letters.findall(head)))
    first, second, _ = sorted(scores, key=lambda language: -scores[language])
    return first if scores[first] >= 2 and scores[first] >= 2 * scores[second] + 1 else ""


@cache
def _identifier() -> Any:
    """py3langid's own, for these languages only; it reads its model when it is first asked."""
    found = import_module("py3langid.langid").LanguageIdentifier.from_model_file("data/model.npz.xz", norm_probs=True)
    found.set_languages(PLAUSIBLE)
    return found
