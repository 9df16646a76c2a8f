"""The sentences of the page and of the errors: quotes, spaces and endings as each language writes them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {"studio": ROOT / "studio/locales", "backend": ROOT / "backend/messages"}
# English sentences may also use straight quotes, as those for the terminal do.
QUOTES = {"en": "“”", "ro": "„”", "it": "«»"}
# What is shown between braces or backquotes is JSON or a command: it keeps the quotes of a program.
CODE = re.compile(r"`[^`]*`|\{\"[^}]*\}")
# Words no longer said, each with the one word that took its place.
OLD_WORDS = {
    "ro": {
        "punct salvat": "punct de control",
        "punctul de salvare": "punctul de control",
        "model de limbă": "model de limbaj",
        "adaptori": "adaptoare",
        "întrebări de test": "întrebări de probă",
        "antrenament": "antrenare",
        "tokenizer": "tokenizator",
    },
    "it": {
        "insieme di dati": "dataset",
        "area di lavoro": "spazio di lavoro",
        "punto salvato": "punto di salvataggio",
        "in background": "in secondo piano",
        "stima": "previsione",
    },
}


def said(language: str) -> Iterator[tuple[str, str]]:
    """The name and the words of each sentence of one language, without code."""
    for path in (FOLDERS["studio"] / f"{language}.json", *sorted((FOLDERS["backend"] / language).glob("*.json"))):
        for key, text in json.loads(path.read_text("utf-8")).items():
            yield f"{path.stem} {key}", CODE.sub("code", text)


def faults(language: str, text: str) -> list[str]:
    """What a proof-reader would mark in a sentence."""
    straight = set() if language == "en" else {'"'}
    foreign = (set("“”„«»") | straight) - set(QUOTES[language])
    first, last = QUOTES[language][0], QUOTES[language][1]
    marks = {
        "a quote of another language": foreign & set(text),
        "a quote left open": text.count(first) != text.count(last),
        "two spaces": "  " in text,
        "a space at an end": text != text.strip(),
        "a space before a stop": re.search(r"\w [,.;:](?!\w)", text),
        "two stops": re.search(r"[.,;]{2}|:[.,;]", text),
        "sentences without a last stop": re.search(r"\w\. [A-ZĂÂÎȘȚÈ][^:]+ [^:]*\w$", text),
    }
    return [mark for mark, found in marks.items() if found]


@pytest.mark.parametrize("language", ["en", "ro", "it"])
def test_sentences_are_written_as_their_language_is(language: str) -> None:
    assert {name: marks for name, text in said(language) if (marks := faults(language, text))} == {}


@pytest.mark.parametrize("language", ["ro", "it"])
def test_a_thing_has_one_word(language: str) -> None:
    old = OLD_WORDS[language]
    found = [
        (name, word, old[word]) for name, text in said(language) for word in old if re.search(rf"\b{word}", text, re.I)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("language", "text", "mark"),
    [
        ("it", 'Il file "x" manca.', "a quote of another language"),
        ("it", "“{name}” è terminata", "a quote of another language"),
        ("ro", "Rularea „{name} s-a oprit.", "a quote left open"),
        ("ro", "Nu  există.", "two spaces"),
        ("en", "Gone. ", "a space at an end"),
        ("en", "Not here .", "a space before a stop"),
        ("it", "Non esiste..", "two stops"),
        ("en", "It is full. Free some space", "sentences without a last stop"),
    ],
)
def test_each_fault_would_be_marked(language: str, text: str, mark: str) -> None:
    assert faults(language, text) == [mark]
