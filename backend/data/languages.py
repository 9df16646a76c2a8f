"""The commonest words of the page's languages, and which of them a text is written in by these."""

import re
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from backend.data import rows

# Frequent in the language; what two of them share counts for none. Romanian without its marks too.
_WORDS = {
    "ro": "este sunt și si să că în din pentru mai cu pe nu ce cum unde dar sau fost acest această aceasta prin foarte "
    "doar când cand după dupa lui fi am ai au mi îmi imi își isi te vă ne lor lui cel cea cei cele unui unei fără fara "
    "până pana asta astfel toate tot către decât decat dacă daca trebuie poate face au fac câte cate cât cat vreau "
    "care ale al eu tu el ea noi voi ei ele despre între intre avea are ar fi fie un una ci mi",
    "it": "è il di che non sono per una della del dei delle degli alla al nel nella con come più piu gli si anche "
    "questo questa quando dove cosa perché perche sei hai ho ha hanno essere stato stata ma ci dal dalla sul sulla "
    "quanto quanti quali qual lo mi ti un uno dopo prima molto tutti tutto ogni così cosi ed tu noi voi lui ai",
    "en": "the is of and what how you it this that with have for do not was are were which when where who why be been "
    "to from by as at or if can could will would should has had his her their they we your my there than then",
}
_SPLIT = {language: frozenset(words.split()) for language, words in _WORDS.items()}
COMMON: dict[str, frozenset[str]] = {
    language: words.difference(*(other for name, other in _SPLIT.items() if name != language))
    for language, words in _SPLIT.items()
}
OWNERS = {word: language for language, words in COMMON.items() for word in words}
WORD = re.compile(r"[^\W\d_]+")
# So many rows say it.
ROWS = 200


def of(texts: Iterable[str]) -> str:
    """The language that most of their common words belong to; "" where there are none."""
    found: Counter[str] = Counter()
    for text in texts:
        words = WORD.findall(text.casefold().replace("ş", "ș").replace("ţ", "ț"))
        found.update(OWNERS[word] for word in words if word in OWNERS)
    return found.most_common(1)[0][0] if found else ""


def of_rows(path: Path) -> str:
    """Of the first rows of a data set."""
    return of(text for row in islice(rows.read(path), ROWS) for text in rows.texts(row))
