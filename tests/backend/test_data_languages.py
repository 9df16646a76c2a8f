"""The language of examples, by their commonest words."""

import pytest

from backend.data import languages
from backend.data.datasets import SHIPPED


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What is the capital of Bulgaria?", "en"),
        ("Care este capitala Bulgariei?", "ro"),
        ("Quante zampe ha il pinguino?", "it"),
        ("Câte laturi are un pătrat? Are patru.", "ro"),
        ("Unde trăiesc peștii? Peștii trăiesc în apă.", "ro"),
        ("Câte luni are un an? Un an are douăsprezece luni.", "ro"),
        ("Un cane ha quattro zampe. Una gatta anche, tu lo sai.", "it"),
        ("42", ""),
        ("", ""),
    ],
)
def test_a_sentence_is_in_the_language_of_its_common_words(text: str, language: str) -> None:
    assert languages.of([text]) == language


def test_the_shipped_sets_are_in_the_language_they_say() -> None:
    found = {path.stem: languages.of_rows(path) for folder in SHIPPED for path in folder.glob("*.jsonl")}
    assert (found["starter-ro"], found["starter-ro-plain"]) == ("ro", "ro")
    assert found["starter-en-it"] in ("en", "it")
    assert found["scenes-ro"] == "ro"
