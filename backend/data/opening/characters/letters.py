"""How much a text looks like Romanian or Italian: which letters outside ASCII stand in it, and beside what.

The usual detectors take Romanian in Windows-1250 for mac_latin2. Among the few encodings that such files have, the
letters decide: in the wrong one a Romanian or Italian text is full of letters that neither language has, of capitals
inside of words, and of dashes glued to them.
"""

LETTERS = frozenset("ăâîșțşţàèéìòùóíú")
CAPITALS = frozenset("ĂÂÎȘȚŞŢÀÈÉÌÒÙÓÍÚ")
OPENING = frozenset("„“«‘‚")
CLOSING = frozenset("”“»’…")
ALONE = frozenset("—–•·−×")
OTHERS = frozenset("€°§©®™½¼¾²³\u00a0\u2011")
ORDINALS = frozenset("ºª")
# Letters of the neighbours' languages, of names and of quotations.
FOREIGN = frozenset("äöüßÄÖÜçñêëïôûÇÑœáÁőűýžšč")
VOWELS = frozenset("aeiouăâîàèéìòùAEIOUĂÂÎ")
GOOD, LIKELY, FAIR, BAD = 1.0, 0.9, 0.3, -1.0


def score(text: str) -> float:
    """From -1 (no letter outside ASCII fits) to 1 (all of them do); 1 for a text that has none."""
    marks = [fit(text[at], text[at - 1 : at], text[at + 1 : at + 2]) for at in range(len(text)) if text[at] > "\x7f"]
    return sum(marks) / len(marks) if marks else GOOD


def fit(letter: str, before: str, after: str) -> float:
    """How well a letter outside ASCII stands between its neighbours ("" at the ends of the text)."""
    if letter == "î" and after in VOWELS:
        return FAIR
    if letter in LETTERS:
        return FAIR if before.isupper() and after.isupper() else GOOD
    if letter in CAPITALS:
        return BAD if before.islower() or (before.isupper() and after.islower()) else GOOD
    if letter in FOREIGN:
        return BAD if letter.isupper() and before.islower() else FAIR
    return _mark(letter, before, after)


def _mark(letter: str, before: str, after: str) -> float:
    """The same for what is no letter."""
    if letter in ORDINALS:
        return GOOD if before.isdigit() else BAD
    if letter in OPENING and not before.isalnum() and after.strip():
        return GOOD
    if letter in CLOSING:
        return _closing(letter, before, after)
    if letter in ALONE:
        return LIKELY if before.isalnum() == after.isalnum() else FAIR if not before.isalpha() else BAD
    return LIKELY if letter in OTHERS and not (before.isalpha() and after.isalpha()) else BAD


def _closing(letter: str, before: str, after: str) -> float:
    """No word of either language ends in a consonant written twice, so "citt…" is a word cut in its last letter."""
    if letter == "…":
        return GOOD if not before.isalpha() or (before in VOWELS and not after.isalpha()) else FAIR
    return GOOD if before.strip() else FAIR
