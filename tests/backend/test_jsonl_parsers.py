"""Two parsers read JSON lines, a quick one and a strict one: no line may tell them apart."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from backend.data import shapes
from backend.data.files import jsonl
from backend.errors import StudioError

TEXTS = some.text(max_size=12) | some.sampled_from(['a":"b', ":::", '\\":', "{[", "\u2028", "\x7f", "È ș"])
PLAIN = some.none() | some.booleans() | some.integers() | some.floats() | TEXTS
VALUES = some.recursive(
    PLAIN, lambda deeper: some.lists(deeper, max_size=4) | some.dictionaries(TEXTS, deeper, max_size=4)
)

ODD = [
    b'{"a": 1, "a": 2}',
    b'{"a": {"b": 1, "b": 2}}',
    b'{"a": 1, "\\u0061": 2}',
    b'{"a:": 1, "a": 2, "a": "\\u003a"}',
    b'{"a": "x", "a": "\\u003A"}',
    b'{"a": 99999999999999999999999}',
    b'{"a": -99999999999999999999999}',
    b'{"a": 18446744073709551615}',
    b'{"a": ' + b"9" * 5000 + b"}",
    b'{"a": 1e999}',
    b'{"a": 1.0000000000000000000000000000001}',
    b'{"a": -0, "b": -0.0, "c": 1E2}',
    b'{"a": NaN}',
    b'{"a": Infinity}',
    b'{"a": "\\ud800"}',
    b'{"a": "\\ud83d\\ude00"}',
    b'{"\\udc00": 1}',
    b'{"a": "\xed\xa0\x80"}',
    b'{"a": "\xff"}',
    b'{"a": "\x01"}',
    b'{"a": "\\x"}',
    b'{"a": "\\u12"}',
    b'{"a": 01}',
    b'{"a": .5}',
    b'{"a": 1,}',
    b"{'a': 1}",
    b'{"a": 1} x',
    b'\xef\xbb\xbf{"a": 1}',
    b' \t{"a" : 1 } ',
    b'\x0c{"a": 1}',
    b'{"a": ' + b"[" * 49 + b"]" * 49 + b"}",
    b'{"a": ' + b"[" * 50 + b"]" * 50 + b"}",
    b'{"a": ' + b"[" * 2000 + b"]" * 2000 + b"}",
    b"{}",
    b"[]",
    b"null",
    b'"a"',
]


def outcome(read: Any, line: bytes) -> object:
    try:
        return json.dumps(read(7, line), sort_keys=False)
    except StudioError as error:
        return error.say()
    except UnicodeDecodeError as error:
        return error.start


@pytest.mark.parametrize("line", ODD)
def test_an_odd_line_is_read_as_the_strict_parser_reads_it(line: bytes) -> None:
    assert outcome(jsonl.parse, line) == outcome(jsonl.strictly, line)


@given(some.dictionaries(TEXTS, VALUES, max_size=5), some.booleans(), some.sampled_from([None, 1]))
@settings(max_examples=300, deadline=None)
def test_what_was_written_as_json_is_read_alike(row: dict[str, Any], escaped: bool, indent: int | None) -> None:
    try:
        line = json.dumps(row, ensure_ascii=escaped, separators=(",", ":") if indent else None).encode()
    except UnicodeEncodeError:
        return
    assert outcome(jsonl.parse, line) == outcome(jsonl.strictly, line)


@given(some.dictionaries(TEXTS, VALUES, min_size=1, max_size=4), some.integers(0, 400), some.binary(max_size=3))
@settings(max_examples=300, deadline=None)
def test_a_damaged_line_is_read_alike(row: dict[str, Any], at: int, damage: bytes) -> None:
    line = json.dumps(row).encode()
    line = (line[: at % len(line)] + damage + line[at % len(line) + 1 :]).replace(b"\n", b"")
    assert outcome(jsonl.parse, line) == outcome(jsonl.strictly, line)


def test_an_ordinary_chat_takes_the_quick_way() -> None:
    row = {"messages": [{"role": "user", "content": 'Ce înseamnă "a: b"?'}, {"role": "assistant", "content": "x: y"}]}
    assert jsonl.quickly(json.dumps(row, ensure_ascii=False).encode()) == row
    assert jsonl.quickly(json.dumps(row).encode()) == row


MESSAGES = some.lists(
    some.fixed_dictionaries(
        {"role": some.sampled_from(["user", "assistant", "system", "bot", 5, ["user"]])},
        optional={"content": some.sampled_from(["a", " ", "", "\u2003", "Da.", 7, None]), "input": some.just("x")},
    )
    | some.sampled_from([{"content": "a", "role": "user"}, "user"]),
    max_size=5,
)


@given(MESSAGES | some.sampled_from([None, "a", {}]))
@settings(max_examples=400, deadline=None)
def test_a_chat_that_is_taken_as_it_is_would_have_been_stored_so(messages: Any) -> None:
    if not shapes.is_stored(messages):
        return
    turns = shapes._turns(messages, "messages", ("role", "content"), 1)
    assert shapes._chat(turns, shapes.ROLES, 1) == ("chat", {"messages": messages})


def test_a_stored_chat_is_taken_as_it_is() -> None:
    said = [{"role": role, "content": "a"} for role in ("system", "user", "assistant", "user", "assistant")]
    assert shapes.is_stored(said)
    assert not shapes.is_stored(said[:-1])
