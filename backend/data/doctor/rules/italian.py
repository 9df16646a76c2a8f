"""Italian accents that were typed as apostrophes ("perche'", "e'") or lean the wrong way ("perchè")."""

import re

from backend.data.doctor.rules.rule import Span, Writing
from backend.data.doctor.seen import Seen

# Words whose last letter has an accent; what else ends in an apostrophe (po', mo', di', fa', va', da', be') is right.
_ACCENTED = (
    "perché poiché affinché finché benché purché sicché giacché anziché cosicché macché né sé ventitré "
    "è cioè ahimè caffè tè canapè "
    "più giù virtù gioventù tribù "
    "può però ciò falò comò oblò casinò farò sarò avrò andrò dirò potrò dovrò vedrò verrò "
    "già là sarà avrà farà andrà potrà dovrà verrà dirà vedrà metà papà città società università qualità quantità "
    "attività libertà verità realtà possibilità difficoltà età bontà volontà "
    "così lì sì lunedì martedì mercoledì giovedì venerdì"
)
ACCENTED = {word[:-1] + plain: word for word in _ACCENTED.split() for plain in ["aeeiou"["àéèìòù".index(word[-1])]]}
WRONG = {
    "perchè": "perché", "poichè": "poiché", "affinchè": "affinché", "finchè": "finché", "benchè": "benché",
    "purchè": "purché", "sicchè": "sicché", "giacchè": "giacché", "anzichè": "anziché", "nè": "né", "sè": "sé",
    "é": "è", "cioé": "cioè", "caffé": "caffè", "pò": "po'", "quì": "qui", "quà": "qua",
}  # fmt: skip
# Words that, with an apostrophe, also stand shortened for others: "di'" for "dici", "e'" only with care.
ENDED = re.compile(r"(?<![^\W_])([^\W\d_]+)['’`´](?![\w'’])")
LEANING = re.compile(
    r"(?<![\w'’-])(?:" + "|".join(sorted(WRONG, key=len, reverse=True)) + r")(?![\w'’])", re.IGNORECASE
)
JOINED = re.compile(r"(?<=['’])(?:é)(?![\w'’])", re.IGNORECASE)
QUOTED = re.compile(r"(?:^|[\s(\[«“\"])['‘’`](?=\w)[^'’`\n]{0,80}$")
LONG_TA = 5
# Quicker to look for than the pattern, and in hardly any Romanian text.
SIGNS = "'’`´éèòìàÉÈÒÌÀ"


class Accents(Writing):
    """Only where the text is Italian, and only words that are known to end in an accent."""

    code, fix = "italian_accents", "accents"
    severity = "notice"
    hint = re.compile(r"[aeiouAEIOU]['’`´](?!\w)|[éèòìàÉÈÒÌÀ]")

    def concerns(self, seen: Seen) -> bool:
        return any(sign in seen.whole for sign in SIGNS) and super().concerns(seen)

    def spans(self, text: str, seen: Seen) -> list[Span]:
        if not self.hint.search(text) or seen.said_in(text) != "it":
            return []
        found = [span for match in ENDED.finditer(text) if (span := _ended(match, text))]
        if not text.isascii():
            found += [Span(m.start(), m.end(), _cased(WRONG[m[0].lower()], m[0])) for m in LEANING.finditer(text)]
            found += [Span(m.start(), m.end(), _cased("è", m[0])) for m in JOINED.finditer(text)]
        return sorted(found)


def _ended(match: re.Match[str], text: str) -> Span | None:
    """An apostrophe after a word that has an accent there, unless it closes a quotation."""
    word = match[1].lower()
    right = ACCENTED.get(word) or (f"{word[:-1]}à" if word.endswith("ta") and len(word) > LONG_TA else None)
    if right is None or QUOTED.search(text, max(0, match.start() - 100), match.start()):
        return None
    if text[match.start() - 1 : match.start()] in ("'", "‘", "’", "`") and not _elided(text, match.start()):
        return None
    return Span(match.start(), match.end(), _cased(right, match[1]))


def _elided(text: str, at: int) -> bool:
    """Whether the apostrophe before this place belongs to a word before it, as in "c'e'" """
    return text[at - 2 : at - 1].isalpha()


def _cased(right: str, written: str) -> str:
    if len(written) > 1 and written.isupper():
        return right.upper()
    return right[0].upper() + right[1:] if written[0].isupper() else right
