"""What a person may write in a conversation: any words of any script, but not too many, and no control characters."""

import unicodedata

from backend import names
from backend.errors import ChatError

# In characters. What a model can read is fewer still, and is counted by the engine in its tokens.
LONGEST = {"question": 100_000, "system": 20_000, "corrected": 100_000, "reference": 20_000}
WRITTEN = "\n\r\t"


def check(text: str, place: str) -> str:
    """The text without outer spaces, "" when nothing in it can be seen.

    ChatError, which names the `place`, when it is too long or has a control character or half of a character in it.
    """
    cleaned = text.strip()
    if len(cleaned) > LONGEST[place]:
        raise ChatError("chat.long", field=place, count=spaced(len(cleaned)), most=spaced(LONGEST[place]))
    for position, letter in enumerate(cleaned, start=1):
        if unicodedata.category(letter) in ("Cc", "Cs") and letter not in WRITTEN:
            raise ChatError("chat.letter", field=place, code=f"U+{ord(letter):04X}", position=position)
    return cleaned if any(not letter.isspace() and not names.unseen(letter) for letter in cleaned) else ""


def question(text: str) -> str:
    """ChatError also when there is nothing to answer."""
    checked = check(text, "question")
    if not checked:
        raise ChatError("chat.no_words", field="question")
    return checked


def corrected(text: str) -> str:
    """ChatError also when nothing is written."""
    checked = check(text, "corrected")
    if not checked:
        raise ChatError("chat.no_correction", field="corrected")
    return checked


def spaced(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")
