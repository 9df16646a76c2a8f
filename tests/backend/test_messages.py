"""Sentences: values are put in as they are, and words inside a sentence follow the reader's language."""

import pickle

import pytest

from backend.errors import DataError
from backend.messages import Count, Number, Phrase, plural_form, sentence


def test_a_value_is_never_read_as_a_format() -> None:
    said = sentence("data.not_text", "en", line="{field}", field="{0.__class__} %s")
    assert said == 'Line {field}: the field "{0.__class__} %s" must be text.'


def test_a_sentence_that_does_not_exist_is_a_bug() -> None:
    with pytest.raises(KeyError):
        sentence("data.no_such_sentence")


@pytest.mark.parametrize(
    ("n", "en", "ro", "it"),
    [
        (0, "0 examples", "0 exemple", "0 esempi"),
        (1, "1 example", "1 exemplu", "1 esempio"),
        (2, "2 examples", "2 exemple", "2 esempi"),
        (19, "19 examples", "19 exemple", "19 esempi"),
        (20, "20 examples", "20 de exemple", "20 esempi"),
        (100, "100 examples", "100 de exemple", "100 esempi"),
        (101, "101 examples", "101 exemple", "101 esempi"),
        (120, "120 examples", "120 de exemple", "120 esempi"),
    ],
)
def test_a_count_agrees_with_its_noun(n: int, en: str, ro: str, it: str) -> None:
    count = Count("data.examples", n)
    assert (str(count), count.say("en"), count.say("ro"), count.say("it")) == (en, en, ro, it)


def test_plural_forms_are_those_of_cldr() -> None:
    from babel import Locale

    for language in ("en", "ro", "it"):
        rule = Locale(language).plural_form
        for n in range(250):
            assert plural_form(n, language) == rule(n), (language, n)


def test_words_inside_an_error_stay_translatable_between_processes() -> None:
    values = {"count": Count("data.examples", 20), "number": Number("0.5"), "phrase": Phrase("data.json.comma")}
    copied = pickle.loads(pickle.dumps(DataError("data.empty_file", **values))).values
    assert [copied[name].say("ro") for name in values] == ["20 de exemple", "0,5", "lipsește virgula"]
    assert list(map(str, copied.values())) == ["20 examples", "0.5", "comma missing"]
