"""Which of the page's languages a text is written in, by its commonest words: enough to offer questions in it."""

import re
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from backend.data import rows

# Words that are frequent in one of the languages and are none in the other two.
_WORDS = {
    "en": "the is of and what how are you it this that with have for do not was",
    "ro": "este și sunt cât câte ce cum mai în din pe cu să nu eu ești unui",
    "it": "il è di che sono quanto quante qual della una non sei gli le si per",
}
COMMON = {language: frozenset(words.split()) for language, words in _WORDS.items()}
WORD = re.compile(r"[^\W\d_]+")
# So many rows say it.
ROWS = 200


def of(texts: Iterable[str]) -> str:
    """The language that most of their common words belong to; "" where there are none."""
    found: Counter[str] = Counter()
    for text in texts:
        for word in WORD.findall(text.casefold().replace("ş", "ș").replace("ţ", "ț")):
            found.update(language for language, known in COMMON.items() if word in known)
    return found.most_common(1)[0][0] if found else ""


def of_rows(path: Path) -> str:
    """Of the first rows of a data set."""
    return of(text for row in islice(rows.read(path), ROWS) for text in rows.texts(row))
