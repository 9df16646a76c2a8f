"""Lines read in blocks become what they become one by one, whatever stands in them."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from backend.data import reading
from backend.data.files import blocks, jsonl
from backend.data.opening.written import lines
from backend.errors import DataError

WHO = ("user", "assistant")


def chat(*texts: str, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": WHO[at % 2], "content": text} for at, text in enumerate(texts)], **more}


def both(path: Path, *, skip_bad: bool = True) -> list[Any]:
    """(bytes, findings) or the refusal, by blocks and line by line."""
    opened = lines.opened(path, "utf-8")
    assert opened.blocks is not None
    found: list[Any] = []
    for write, what in ((reading.write_blocks, opened.blocks), (reading.write, opened.records)):
        target = io.BytesIO()
        try:
            said = write(what(), target, skip_bad=skip_bad)  # type: ignore[operator] # each with what it takes
        except DataError as error:
            found.append((error.key, error.values))
        else:
            counts = (said.rows, said.total, said.faulty, said.shape, said.digest, said.characters, len(said.distinct))
            found.append((target.getvalue(), counts))
    return found


LINES = [
    json.dumps(chat("Ce?", "Asta.")),
    json.dumps(chat("Ce?", "Așa."), ensure_ascii=False, separators=(",", ":")),
    json.dumps(chat("a: {}", "\\u003a", "},{\"messages\":", "b")),
    json.dumps(chat("Ce?", "Asta.", id=7)),
    json.dumps(chat("Ce?")),
    json.dumps(chat("Ce?", " ")),
    json.dumps(chat("unu", "doi", "trei", "patru")) + "\r",
    '{"messages": [{"role": "user", "content": "a", "content": "b"}, {"role": "assistant", "content": "c"}]}',
    '{"messages": [{"role": "user", "content": "a\\u003a"}, {"role": "assistant", "content": "c"}]}',
    '{"messages": [{"content": "a", "role": "user"}, {"role": "assistant", "content": "c"}]}',
    '{"messages": [{"role": "user", "content": "a", "input": "a"}, {"role": "assistant", "content": "c"}]}',
    '{"instruction": "Spune.", "output": "Da."}',
    '{"text": "Numai text."}',
    '{"messages": [1.5]}',
    '{"messages": [{"role": "user", "content": "\\ud800"}, {"role": "assistant", "content": "c"}]}',
    "",
    "{",
    "[]",
    "1, 2",
    '\ufeff{"text": "a"}',
]  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)
@given(some.lists(some.sampled_from(LINES), max_size=30), some.integers(20, 400), some.booleans())
def test_blocks_and_lines_make_the_same(tmp_path: Path, chosen: list[str], size: int, skip_bad: bool) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes("\n".join(chosen).encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "SIZE", size)
        by_blocks, by_lines = both(path, skip_bad=skip_bad)
    assert by_blocks == by_lines


def test_a_line_that_is_too_long_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    good = [json.dumps(chat(f"Ce e {at}?", "Un număr.")) for at in range(12)]
    long = json.dumps(chat("x" * (5 * jsonl.MAX_LINE), "Da."))
    for at in (0, 6, 12):
        path.write_text("\n".join([*good[:at], long, *good[at:]]))
        by_blocks, by_lines = both(path)
        assert by_blocks == by_lines
        assert by_blocks[1][:3] == (12, 13, 1)
        with pytest.raises(DataError, match=f"Line {at + 1} is longer than 1 MB"):
            reading.write_blocks(blocks.of(path.open("rb")), io.BytesIO())


def test_a_block_ends_where_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "SIZE", 64)
    raw = b"".join(b'{"text": "%d"}\n' % at for at in range(100))
    found = list(blocks.of(io.BytesIO(raw)))
    assert len(found) > 10
    assert b"".join(block.raw for block in found) == raw
    assert all(raw[: block.end].count(b"\n") == block.first - 1 + block.raw.count(b"\n") for block in found)
