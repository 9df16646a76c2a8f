"""Letters that are not those that were meant: read in a wrong encoding, old Romanian ones, or without their marks."""

import re
from functools import cache
from typing import NamedTuple

from backend.data.doctor.finding import Example, example
from backend.data.doctor.rules.rule import Rule, Span, Writing
from backend.data.doctor.seen import Seen
from backend.data.opening.characters import letters

ENCODINGS = ("cp1252", "cp1250", "latin-1")
RUN = re.compile(r"[^\x00-\x7f]{2,}")
# What UTF-8 begins a letter of two bytes or a sign of three or four with, in each of these encodings.
LEADS = "ÂÃÄÅÈâðÉĂĹČĐ"
PLAIN = letters.LETTERS | letters.CAPITALS | letters.FOREIGN | letters.OPENING | letters.CLOSING | letters.ALONE
GOOD = PLAIN | letters.OTHERS | frozenset("ÉÍÓÚßŞŢşţ\u2009\u200b")
PICTOGRAMS = 0x1F000


class WrongEncoding(Writing):
    """UTF-8 that was read as Windows-1252, Windows-1250 or Latin-1, once or twice: "ÅŸi" for "şi"."""

    code, fix = "wrong_encoding", "repair_encoding"
    hint = re.compile(f"[{LEADS}][^\x00-\x7f]")

    def concerns(self, seen: Seen) -> bool:
        return not seen.ascii and super().concerns(seen)

    def spans(self, text: str, seen: Seen) -> list[Span]:
        if text.isascii():
            return []
        found = []
        for run in RUN.finditer(text):
            new = repaired(run[0])
            if new and not _shouted(text[run.start() - 1 : run.start()], new):
                found.append(Span(run.start(), run.end(), new))
        return found


def repaired(run: str) -> str:
    """What these letters were before they were read wrongly; "" when they are right, or it cannot be told."""
    if run[0] not in LEADS:
        return ""
    for encoding in ENCODINGS:
        table = _bytes(encoding)
        raw = bytes(table.get(letter, 0) for letter in run)
        try:
            new = raw.decode("utf-8")
        except UnicodeDecodeError:
            continue
        if "\0" in new:
            continue
        new = repaired(new) or new
        if all(letter in GOOD or ord(letter) >= PICTOGRAMS for letter in new):
            return new
    return ""


def _shouted(before: str, new: str) -> bool:
    """ "BĂ®" is a brand in capitals with its sign, not "Bî"."""
    return before.isupper() and not new[0].isupper()


@cache
def _bytes(encoding: str) -> dict[str, int]:
    """The byte of each letter above ASCII; one that the encoding does not have is read as its own number."""
    found = {}
    for byte in range(128, 256):
        try:
            found[bytes([byte]).decode(encoding)] = byte
        except UnicodeDecodeError:
            found[chr(byte)] = byte
    return found


COMMA = {"ş": "ș", "ţ": "ț", "Ş": "Ș", "Ţ": "Ț"}


class Cedilla(Writing):
    """ş and ţ with a cedilla, which Romanian has not; Turkish has ş."""

    code, fix = "cedilla", "comma_below"
    severity = "notice"
    hint = re.compile("[şţŞŢ]")

    def concerns(self, seen: Seen) -> bool:
        if seen.ascii or not any(letter in seen.whole for letter in COMMA):
            return False
        return seen.language == "ro" or (seen.language == "" and ("ţ" in seen.whole or "Ţ" in seen.whole))

    def spans(self, text: str, seen: Seen) -> list[Span]:
        return [Span(found.start(), found.end(), COMMA[found[0]]) for found in self.hint.finditer(text)]


class Bare(NamedTuple):
    """Enough of a Romanian text for it to be strange that no letter of it has a mark."""

    letters: int = 300
    # Words that are written with a mark, whatever they mean.
    words: re.Pattern[str] = re.compile(
        r"\b(?:si|asa|dupa|fara|pana|cand|daca|inca|intre|langa|atat|fiindca|totusi|raspuns\w*|romana|romaneste"
        r"|intreb\w+|stiu|stii|multumesc|inseamna|invat\w*|tara|viata|orasul?|zapada|sapte|sase|fiecarei?)\b",
        re.IGNORECASE,
    )


class NoMarks(Rule):
    """Romanian without a single ă, â, î, ș or ț."""

    code = "no_diacritics"
    marks = re.compile("[ăâîșțşţĂÂÎȘȚŞŢ]")
    bare = Bare()

    def look(self, seen: Seen) -> Example | None:
        if not seen.ascii and self.marks.search(seen.whole):
            return None
        if seen.language != "ro" or WrongEncoding.hint.search(seen.whole):
            return None
        found = self.bare.words.search(seen.whole)
        if found:
            return example(seen.place, seen.whole, found.start(), found.end())
        return example(seen.place, seen.whole) if len(seen.whole) >= self.bare.letters else None


# It begins with the sign itself, so that only the few places with one are looked at.
INSIDE = re.compile(r"\?(?<=[^\W\d_]\?)(?=[^\W\d_])")


class Lost(Rule):
    """The sign that stands where a letter could not be read, or question marks inside of words, as a program writes
    them that does not know a letter: what it was is lost.
    """

    code, fix = "lost_letters", "drop_lost_letters"

    def look(self, seen: Seen) -> Example | None:
        at = -1 if seen.ascii else seen.whole.find("\ufffd")
        if at >= 0:
            return example(seen.place, seen.whole, at, at + 1)
        inside = list(INSIDE.finditer(seen.whole)) if "?" in seen.whole and "://" not in seen.whole else []
        return example(seen.place, seen.whole, *inside[0].span()) if len(inside) > 1 else None
