"""Names that people type for runs, data sets and recipes: labels only, never part of a path or a command."""

import unicodedata
from collections.abc import Iterable
from typing import Literal

from backend.errors import JobError

Kind = Literal["run", "data", "recipe", "model"]

LONGEST = 64
PUNCTUATION = frozenset(" .-_")
RESERVED = frozenset({"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(10)})
# Letters and marks that draw nothing although Unicode does not class them as control characters.
UNSEEN = frozenset(map(chr, [0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, *range(0xFE00, 0xFE10)]))


def check(name: str, kind: Kind = "run") -> str:
    """The name in its stored form (NFC, outer spaces off); JobError says what is wrong with it."""
    shown = "".join(" " if unicodedata.category(c) == "Zs" else c for c in name)
    if not shown.strip():
        raise JobError(f"names.empty.{kind}")
    cleaned = unicodedata.normalize("NFC", shown.strip(" "))
    if len(cleaned) > LONGEST:
        raise JobError("names.too_long", most=LONGEST)
    refuse_unseen(name)
    _refuse_characters(cleaned)
    _refuse_forms(cleaned)
    return cleaned


def unseen(character: str) -> bool:
    """Whether a character draws nothing, or changes how others are drawn."""
    return unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} or character in UNSEEN


def refuse_unseen(name: str) -> None:
    """JobError for the first invisible or control character."""
    for position, character in enumerate(name, start=1):
        if unseen(character):
            raise JobError("names.invisible", code=f"U+{ord(character):04X}", position=position)


def _may_stand(character: str) -> bool:
    written = unicodedata.category(character)[0] in "LM" or character.isdecimal() or character in PUNCTUATION
    return written and character not in UNSEEN


def _refuse_characters(name: str) -> None:
    for character in name:
        if (
            unicodedata.category(character)[0] not in "LM"
            and not character.isdecimal()
            and character not in PUNCTUATION
        ):
            raise JobError("names.character", character=character)
    if name.startswith("-"):
        raise JobError("names.first_character", character="-")


def _refuse_forms(name: str) -> None:
    if name.startswith(".") or name.endswith("."):
        raise JobError("names.dot")
    if name.split(".")[0].strip().casefold() in RESERVED:
        raise JobError("names.reserved", name=name)


def folded(name: str) -> str:
    """What two names have in common when they are the same to a reader: case and composition do not count."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name.strip()).casefold())


def same(a: str, b: str) -> bool:
    return folded(a) == folded(b)


def unused(name: str, taken: Iterable[str], kind: Kind = "run") -> str:
    """The checked name; JobError when one of the `taken` names is the same to a reader."""
    cleaned = check(name, kind)
    for other in taken:
        if same(cleaned, other):
            raise JobError(f"names.taken.{kind}", name=other)
    return cleaned


def free(name: str, taken: Iterable[str], kind: Kind = "run") -> str:
    """`name` when nobody has it yet, else the name with the first number that is free ("chats 2")."""
    cleaned = check(name, kind)
    used = {folded(other) for other in taken}
    candidates = [cleaned] + [f"{cleaned[: LONGEST - 6].rstrip(' .')} {n}" for n in range(2, len(used) + 3)]
    return next(candidate for candidate in candidates if folded(candidate) not in used)


def from_file(stem: str, kind: Kind = "data") -> str:
    """A name made from the name of a file: what a name may not hold becomes a space."""
    kept = "".join(c if _may_stand(c) else " " for c in stem)
    tidy = " ".join(unicodedata.normalize("NFC", kept).split())[:LONGEST].strip(" .-")
    if not tidy or tidy.split(".")[0].casefold() in RESERVED:
        tidy = f"{kind} {tidy}".strip()
    return check(tidy, kind)
