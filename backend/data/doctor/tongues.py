"""The language of a row: by letters and common words; where these leave it open, by py3langid among the likely ones.

py3langid takes about a millisecond a text, the words a hundredth of that; both look at the beginning only.
"""

import re
from functools import cache
from importlib import import_module
from typing import Any

# Frequent in one of the three languages, and words of neither of the other two. Romanian without its marks too.
_WORDS = {
    "ro": "este sunt și si să că în din pentru mai cu pe nu ce cum unde dar sau fost acest această aceasta prin foarte "
    "doar când cand după dupa lui fi am ai au mi îmi imi își isi te vă ne lor lui cel cea cei cele unui unei fără fara "
    "până pana asta astfel toate tot către decât decat dacă daca trebuie poate face au fac câte cate cât cat vreau "
    "care ale al eu tu el ea noi voi ei ele despre între intre avea are ar fi fie",
    "it": "è il di che non sono per una della del dei delle degli alla al nel nella con come più piu gli si anche "
    "questo questa quando dove cosa perché perche sei hai ho ha hanno essere stato stata ma ci dal dalla sul sulla "
    "quanto quanti quali qual lo mi ti un uno dopo prima molto tutti tutto ogni così cosi ed",
    "en": "the is of and what how you it this that with have for do not was are were which when where who why be been "
    "to from by as at or if can could will would should has had his her their they we your my there than then",
}
_SPLIT = {language: frozenset(words.split()) for language, words in _WORDS.items()}
COMMON: dict[str, frozenset[str]] = {
    language: words.difference(*(other for name, other in _SPLIT.items() if name != language))
    for language, words in _SPLIT.items()
}
OWNERS = {word: language for language, words in COMMON.items() for word in words}
PLAUSIBLE = ("ro", "it", "en", "fr", "es", "pt", "de", "hu", "tr", "pl", "bg", "sr", "uk", "ru", "el", "la", "nl", "sq")
WORD = re.compile(r"[^\W\d_]+")
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
