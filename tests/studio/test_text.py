import re
import string

import pytest

from backend.messages import LANGUAGES
from studio.text import Words, clock, locale_words, preferred

EN = locale_words("en")


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(re.sub(r"`[^`]*`", "", text)) if name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_texts_with_the_same_placeholders(language: str) -> None:
    other = locale_words(language)
    assert other.keys() == EN.keys()
    assert {key: placeholders(other[key]) for key in EN} == {key: placeholders(EN[key]) for key in EN}
    assert all(text.strip() for text in other.values())


def test_romanian_has_its_own_letters_and_italian_its_accents() -> None:
    romanian, italian = "".join(locale_words("ro").values()), "".join(locale_words("it").values())
    assert not set("şţŞŢ") & set(romanian)
    assert set("șțăâî") <= set(romanian)
    assert not re.search(r"\b(perche|piu|cosi|puo|gia|e')(?=\W)", italian)


def test_no_text_shouts() -> None:
    assert [key for language in LANGUAGES for key, text in locale_words(language).items() if "!" in text] == []


@pytest.mark.parametrize(
    ("number", "expected"), [(1, "un pas"), (19, "19 pași"), (20, "20 de pași"), (1234, "1.234 de pași")]
)
def test_romanian_counts_in_three_forms(number: int, expected: str) -> None:
    assert Words("ro").count("forecast.steps", number) == expected


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("number", [0, 1, 2, 20, 101, 1_000_000])
def test_every_counted_text_has_every_form(language: str, number: int) -> None:
    keys = {key.removesuffix(".one") for key in EN if key.endswith(".one")}
    assert keys
    for key in keys:
        assert Words(language).count(key, number)


@pytest.mark.parametrize(
    ("language", "count", "expected"),
    [("en", 0, "0 B"), ("en", 999, "999 B"), ("en", 1500, "1.5 kB"), ("ro", 1_100_000_000, "1,1 GB"),
     ("it", 21_000_000_000, "21 GB"), ("en", 999_600, "1 MB")],
)  # fmt: skip
def test_sizes_are_written_as_the_language_writes_them(language: str, count: int, expected: str) -> None:
    assert Words(language).size(count) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.2, "1 s"),
        (59, "59 s"),
        (100, "1 min 40 s"),
        (1500, "25 min"),
        (7500, "2 h 5 min"),
        (169_200, "47 h"),
        (172_800, "2 days"),
        (7_200_000, "83 days"),
    ],
)
def test_durations_are_about_as_exact_as_one_would_say_them(seconds: float, expected: str) -> None:
    assert Words("en").duration(seconds) == expected


def test_a_clock_counts_hours_only_when_there_are_some() -> None:
    assert (clock(34), clock(725), clock(3723)) == ("0:34", "12:05", "1:02:03")


def test_values_are_never_read_as_a_format() -> None:
    assert "{name.__class__}" in Words("en").t("gate.too_large", limit="{name.__class__}")


@pytest.mark.parametrize(
    ("header", "cookie", "expected"),
    [("it-IT,it;q=0.9,en;q=0.8", "", "it"), ("de,ro;q=0.5,en;q=0.4", "", "ro"), ("de", "", "en"), ("", "", "en"),
     ("it", "ro", "ro"), ("it", "xx", "it"), ("en;q=zzz,ro", "", "ro")],
)  # fmt: skip
def test_the_page_opens_in_the_language_chosen_before_or_in_the_browsers(
    header: str, cookie: str, expected: str
) -> None:
    assert preferred(header, cookie) == expected
