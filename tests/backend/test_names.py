"""Names: each bad name gets the sentence of the bad-input table, in three languages."""

import pickle
import unicodedata

import pytest

from backend import names
from backend.errors import JobError
from backend.messages import LANGUAGES

ALLOWED = "The name may contain letters, digits, spaces, dot, dash and underscore."
NOT_ALLOWED = {
    "../../etc": "/",
    "a/b": "/",
    "a\\b": "\\",
    "C:\\x": ":",
    "\\\\host\\x": "\\",
    "; touch x": ";",
    "$(id)": "$",
    "`id`": "`",
    "<img src=x onerror=alert(1)>": "<",
    "{0.__class__}": "{",
    "%s%n": "%",
    "run²": "²",
    "chat 🙂": "🙂",
}


def refusal(name: str) -> str:
    with pytest.raises(JobError) as caught:
        names.check(name)
    for language in LANGUAGES:
        assert caught.value.say(language)
    return str(caught.value)


@pytest.mark.parametrize("name", ["", "   ", "\u00a0", "\n"])
def test_an_empty_name_is_asked_for(name: str) -> None:
    assert refusal(name) == "Give the run a name (1–64 characters)."


@pytest.mark.parametrize(("name", "character"), NOT_ALLOWED.items())
def test_a_forbidden_character_is_named(name: str, character: str) -> None:
    assert refusal(name) == f'{ALLOWED} "{character}" is not allowed.'


@pytest.mark.parametrize("name", ["-rf", "--help", "-c", "--deepspeed"])
def test_a_name_cannot_look_like_an_option(name: str) -> None:
    assert refusal(name) == f'{ALLOWED} "-" is not allowed at the start.'


@pytest.mark.parametrize("name", [".", "..", ".hidden", "name."])
def test_a_name_cannot_start_or_end_with_a_dot(name: str) -> None:
    assert refusal(name) == "The name cannot start or end with a dot."


@pytest.mark.parametrize("name", ["CON", "nul.txt", "LPT1", "com0.tar.gz"])
def test_a_name_that_windows_keeps_for_itself_is_refused(name: str) -> None:
    assert refusal(name) == f'"{name}" is reserved by Windows. Choose another name.'


@pytest.mark.parametrize("name", ["x" * 300, "🙂" * 70, "x" * 65])
def test_a_long_name_is_refused(name: str) -> None:
    assert refusal(name) == "Too long: at most 64 characters."


@pytest.mark.parametrize(
    ("name", "code", "position"),
    [
        ("run\x00", "U+0000", 4),
        ("a\nb", "U+000A", 2),
        ("\x1b[31mred", "U+001B", 1),
        ("runs\u202etxt", "U+202E", 5),
        ("ru\u200bn", "U+200B", 3),
        ("\ud800x", "U+D800", 1),
        ("a\u3164", "U+3164", 2),
    ],
)
def test_an_invisible_character_is_shown_by_code_and_position(name: str, code: str, position: int) -> None:
    assert refusal(name) == f"The name contains an invisible or control character ({code}, position {position})."


@pytest.mark.parametrize("typed", ["Română 2", "perché no", "run_1.a-b", "日本語", "x" * 64, "CONCERT", "हिन्दी"])
def test_ordinary_names_pass(typed: str) -> None:
    assert names.check(typed) == typed


def test_a_name_is_stored_without_outer_spaces_and_composed() -> None:
    assert names.check("  " + unicodedata.normalize("NFD", "școală") + "\u00a0") == "școală"


@pytest.mark.parametrize("twin", ["Run1", " run1", "RUN1"])
def test_the_same_name_is_not_given_twice(twin: str) -> None:
    with pytest.raises(JobError) as caught:
        names.unused(twin, ["other", "run1"])
    assert str(caught.value) == 'A run with this name already exists ("run1").'


def test_composed_and_decomposed_letters_are_the_same_name() -> None:
    assert names.same(unicodedata.normalize("NFC", "Școală"), unicodedata.normalize("NFD", "școală"))
    assert not names.same("run1", "run2")


def test_a_free_name_gets_the_first_number_that_is_left() -> None:
    assert names.free("chats", []) == "chats"
    assert names.free("chats", ["Chats", "chats 2"]) == "chats 3"
    assert len(names.free("x" * 64, ["x" * 64])) <= names.LONGEST


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("chats-ro", "chats-ro"),
        ("a/b;c", "a b c"),
        ("..hidden", "hidden"),
        ("CON", "data CON"),
        ("(1)", "1"),
        ("", "data"),
        ("\u202e", "data"),
    ],
)
def test_a_file_name_becomes_a_name(stem: str, name: str) -> None:
    assert names.from_file(stem) == name


def test_an_error_survives_the_way_between_processes() -> None:
    error = pickle.loads(pickle.dumps(JobError("names.too_long", most=64)))
    assert error.say("it") == "Troppo lungo: al massimo 64 caratteri."
