"""Raw text from the web without what a reader would skip.

Rules of whole lines and of words that give a page away are those of C4 (arXiv 1910.10683, section 2.2): lines end
with a mark and have five words, pages with "lorem ipsum" or a curly bracket are left out. Those of length and
repetition, and their bounds, are Gopher's (arXiv 2112.11446, appendix A). That most words must be of the language, and
which words stand for menus and notices in Romanian and Italian, is ours. RoQLlama and LLaMAntino read texts that others
had cleaned; how was not published with the papers.
"""

import re
from collections import Counter
from collections.abc import Iterator

from backend.data.languages import OWNERS
from backend.data.preparing.plan import Clean
from backend.data.rows import Row

WORD = re.compile(r"[^\W\d_]+")
ENDS = (".", "!", "?", "…", '"', "”", "»", ".)", "?)", "!)", ":", ";")
MENU = re.compile(
    r"javascript|cookie|privacy policy|terms of (use|service)|all rights reserved|sign (in|up)|log ?in\b|read more"
    r"|toate drepturile rezervate|politica de confiden|termeni (și|si|şi) condi|citește mai mult|citeste mai mult"
    r"|abonează-te|aboneaza-te|adaugă în coș|adauga in cos|autentificare|distribuie pe"
    r"|tutti i diritti riservati|informativa sulla privacy|termini e condizioni|leggi (tutto|di più)|continua a leggere"
    r"|iscriviti alla|aggiungi al carrello|condividi su|accedi\b",
    re.IGNORECASE,
)
MENU_WORDS = 25  # a longer line that has one of these says something besides
SPOILED = ("lorem ipsum", "{", "}")
# Gopher: shares of lines, and of characters in them, that may be the same as another; of the commonest n words.
SAME_LINES, SAME_CHARACTERS = 0.30, 0.20
COMMONEST = {2: 0.20, 3: 0.18, 4: 0.16}
SHORTEST_WORD, LONGEST_WORD = 3.0, 10.0
WITH_LETTERS = 0.80


def cleaned(rows: Iterator[Row], wanted: Clean) -> Iterator[Row]:
    """Texts without lines that are none, and only those that are worth reading then."""
    for row in rows:
        text = "\n".join(_lines(row["text"], wanted))
        if not faults(text, wanted):
            yield {**row, "text": text}


def _lines(text: str, wanted: Clean) -> Iterator[str]:
    for line in text.splitlines():
        words = line.split()
        if len(words) < wanted.line_words or (wanted.whole_sentences and not line.rstrip().endswith(ENDS)):
            continue
        if wanted.boilerplate and len(words) <= MENU_WORDS and MENU.search(line):
            continue
        yield line.strip()


def faults(text: str, wanted: Clean) -> str:
    """Why a text is left out, in one word; "" for one that stays."""
    words = text.split()
    if not wanted.least_words <= len(words) <= wanted.most_words or not words:
        return "length"
    if wanted.boilerplate and any(sign in text.casefold() for sign in SPOILED):
        return "boilerplate"
    if wanted.repetition and (_odd(words) or _repeats(text, words)):
        return "repetition"
    if wanted.language and share_of(text, wanted.language) < wanted.least_share:
        return "language"
    return ""


def share_of(text: str, language: str) -> float:
    """Of the words that are common in one language only, how many are of this one; 0 where there are none."""
    owners = Counter(OWNERS.get(word) for word in WORD.findall(text.casefold().replace("ş", "ș").replace("ţ", "ț")))
    known = sum(count for owner, count in owners.items() if owner)
    return owners[language] / known if known else 0.0


def _odd(words: list[str]) -> bool:
    mean = sum(map(len, words)) / len(words)
    lettered = sum(any(map(str.isalpha, word)) for word in words) / len(words)
    return not SHORTEST_WORD <= mean <= LONGEST_WORD or lettered < WITH_LETTERS


def _repeats(text: str, words: list[str]) -> bool:
    lines = text.splitlines()
    again = sum((Counter(lines) - Counter(set(lines))).values())
    characters = sum(len(line) * count for line, count in (Counter(lines) - Counter(set(lines))).items())
    if again > SAME_LINES * len(lines) or characters > SAME_CHARACTERS * len(text):
        return True
    return any(_share_of_commonest(words, size) > most for size, most in COMMONEST.items())


def _share_of_commonest(words: list[str], size: int) -> float:
    """Of all characters in words, those in the commonest `size` words that follow one another."""
    found = Counter(zip(*(words[at:] for at in range(size)), strict=False))
    if not found:
        return 0.0
    same, count = found.most_common(1)[0]
    return count * sum(map(len, same)) / sum(map(len, words)) if count > 1 else 0.0
