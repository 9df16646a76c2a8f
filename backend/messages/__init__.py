"""What the backend says to a person, by key, in English, Romanian and Italian: one JSON file per area and language."""

import json
from functools import cache
from pathlib import Path

LANGUAGES = ("en", "ro", "it")


@cache
def catalogue(language: str) -> dict[str, str]:
    """Every sentence of one language; the key is `"<file name>.<name in the file>"`."""
    found: dict[str, str] = {}
    for path in sorted((Path(__file__).parent / language).glob("*.json")):
        words: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        found |= {f"{path.stem}.{name}": text for name, text in words.items()}
    return found


def sentence(key: str, language: str = "en", **values: object) -> str:
    """The sentence for `key`, its `{placeholders}` filled; KeyError when the key is not in the catalogue.

    Values are put in as they are and never read as a format, so text from a person cannot address attributes.
    """
    text = catalogue(language)[key]
    for name, value in values.items():
        text = text.replace("{" + name + "}", str(value))
    return text
