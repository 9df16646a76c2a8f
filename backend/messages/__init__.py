"""What the backend says to a person, by key, in English, Romanian and Italian: one JSON file per area and language."""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

LANGUAGES = ("en", "ro", "it")
PLACEHOLDER = re.compile(r"\{(\w+)\}")


@cache
def catalogue(language: str) -> dict[str, str]:
    """Every sentence of one language; the key is `"<file name>.<name in the file>"`."""
    found: dict[str, str] = {}
    for path in sorted((Path(__file__).parent / language).glob("*.json")):
        words: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        found |= {f"{path.stem}.{name}": text for name, text in words.items()}
    return found


class Phrase(str):
    """A value of a sentence with its own words in every language; as plain text (in a file, a log) it is English."""

    __slots__ = ("key", "values")
    key: str
    values: dict[str, object]

    def __new__(cls, key: str, /, **values: object) -> "Phrase":
        phrase = super().__new__(cls, sentence(key, "en", **values))
        phrase.key = key
        phrase.values = values
        return phrase

    def say(self, language: str) -> str:
        return sentence(self.key, language, **self.values)

    def __reduce__(self) -> tuple[object, ...]:
        return _phrase, (self.key, self.values)


def _phrase(key: str, values: dict[str, object]) -> Phrase:
    return Phrase(key, **values)


class Count(Phrase):
    """A number with its noun: `key` has the forms `.one`, `.few` (Romanian 2-19) and `.other`, each with `{n}`."""

    __slots__ = ()

    def __new__(cls, key: str, n: int, /) -> "Count":
        phrase = str.__new__(cls, _counted(key, n, "en"))
        phrase.key = key
        phrase.values = {"n": n}
        return phrase

    def say(self, language: str) -> str:
        return _counted(self.key, int(str(self.values["n"])), language)

    def __reduce__(self) -> tuple[object, ...]:
        return Count, (self.key, int(str(self.values["n"])))


class Number(Phrase):
    """A number as it is written in the reader's language: with a decimal comma in Romanian and Italian."""

    __slots__ = ()

    def __new__(cls, written: str, /) -> "Number":
        phrase = str.__new__(cls, written)
        phrase.key = ""
        phrase.values = {}
        return phrase

    def say(self, language: str) -> str:
        return str(self) if language == "en" else str(self).replace(".", ",")

    def __reduce__(self) -> tuple[object, ...]:
        return Number, (str(self),)


class Named(Phrase):
    """What goes by a name of its own in each language; as plain text it is `name`."""

    __slots__ = ()

    def __new__(cls, name: str, titles: Mapping[str, str], /) -> "Named":
        phrase = str.__new__(cls, name)
        phrase.key = ""
        phrase.values = dict(titles)
        return phrase

    def say(self, language: str) -> str:
        return str(self.values.get(language, str(self)))

    def __reduce__(self) -> tuple[object, ...]:
        return Named, (str(self), self.values)


def _counted(key: str, n: int, language: str) -> str:
    return sentence(f"{key}.{plural_form(n, language)}", language, n=n)


def plural_form(n: int, language: str) -> str:
    """The CLDR plural category of a whole number: "one", "few" (Romanian: 0, 2-19, 101-119, ...) or "other"."""
    if n == 1:
        return "one"
    if language == "ro" and (n == 0 or 1 <= n % 100 <= 19):
        return "few"
    return "other"


def sentence(key: str, language: str = "en", /, **values: object) -> str:
    """The sentence for `key`, its `{placeholders}` filled; KeyError when the key is not in the catalogue.

    Values are put in as they are and never read as a format, so text from a person cannot address attributes.
    """

    def fill(found: re.Match[str]) -> str:
        value = values.get(found[1], found[0])
        return value.say(language) if isinstance(value, Phrase) else str(value)

    return PLACEHOLDER.sub(fill, catalogue(language)[key])
