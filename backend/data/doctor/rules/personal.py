"""What says who somebody is: e-mail addresses, phone numbers, CNP and codice fiscale, with the checks of each."""

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any

from backend.data.doctor.rules.rule import Span, Writing
from backend.data.doctor.seen import Seen

MAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,4}[a-z]{2,24}(?![\w@])", re.IGNORECASE)
# Addresses that belong to nobody (RFC 2606).
NOBODY = re.compile(r"@(?:[\w-]+\.)*(?:example|test|invalid|localhost)(?:\.(?:com|org|net|ro|it))?$", re.IGNORECASE)
CNP = re.compile(r"(?<![\d.,])[1-9]\d{12}(?![\d])")
CODICE = re.compile(
    r"(?<!\w)[A-Z]{6}[\dLMNP-V]{2}[A-EHLMPRST][\dLMNP-V]{2}[A-Z][\dLMNP-V]{3}[A-Z](?!\w)", re.IGNORECASE
)
ABROAD = re.compile(r"(?<![\w+])(?:\+|00)(?:40|39)[\d\s./()-]{7,16}\d(?!\d)")
ROMANIAN = re.compile(r"(?<![\w+.,/-])0[237]\d(?:[ ./-]?\d){7}(?![\w/-])")
ITALIAN = re.compile(r"(?<![\w+.,/-])(?:3\d{2}[ ./-]?\d{3}[ ./-]?\d{3,4}|3\d{2}[ ./-]?\d{2}[ ./-]?\d{2}[ ./-]?\d{2,3}"
                     r"|0\d{1,3}[ ./-]\d{3,4}[ .-]?\d{2,4})(?![\w/-])")  # fmt: skip
HOME = {"ro": ((ROMANIAN, "RO"),), "it": ((ITALIAN, "IT"),)}
PHONE = {"ro": "[telefon]", "it": "[telefono]"}


class Personal(Writing):
    """Each is replaced by the name of what it was."""

    code, fix = "personal_data", "mask"
    hint = re.compile(r"\d(?:[\d ./()-]{4}|[\dL-V][A-Za-z][\dL-V]{2})")

    def concerns(self, seen: Seen) -> bool:
        return "@" in seen.whole or super().concerns(seen)

    def spans(self, text: str, seen: Seen) -> list[Span]:
        found: list[Span] = []
        for span in sorted(_all(text, seen)):
            if not found or span.start >= found[-1].end:
                found.append(span)
        return found


def _all(text: str, seen: Seen) -> Iterator[Span]:
    if "@" in text:
        for match in MAIL.finditer(text):
            if not NOBODY.search(match[0]):
                yield Span(match.start(), match.end(), "[e-mail]")
    for match in CNP.finditer(text):
        if _number("stdnum.ro.cnp").is_valid(match[0]):
            yield Span(match.start(), match.end(), "[CNP]")
    for match in CODICE.finditer(text):
        if _number("stdnum.it.codicefiscale").is_valid(match[0]):
            yield Span(match.start(), match.end(), "[codice fiscale]")
    yield from _phones(text, seen)


def _phones(text: str, seen: Seen) -> Iterator[Span]:
    for pattern, region in ((ABROAD, "RO"), *(HOME.get(seen.language, ()) if DIGITS.search(text) else ())):
        for match in pattern.finditer(text):
            if _rings(match[0], region):
                yield Span(match.start(), match.end(), PHONE.get(seen.language, "[phone]"))


DIGITS = re.compile(r"\d[ ./-]?\d[ ./-]?\d[ ./-]?\d[ ./-]?\d[ ./-]?\d")


def _rings(written: str, region: str) -> bool:
    """Whether such a number can have been given to somebody."""
    library = _number("phonenumbers")
    try:
        return bool(
            library.is_valid_number(library.parse(f"+{written[2:]}" if written[:2] == "00" else written, region))
        )
    except library.NumberParseException:
        return False


@cache
def _number(name: str) -> Any:
    return import_module(name)
