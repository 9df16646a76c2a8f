"""Lines read in blocks become what they become one by one, whatever stands in them."""

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from backend.data import reading
from backend.data.files import blocks, halves, jsonl
from backend.data.intake import run, submit
from backend.data.opening.written import lines
from backend.errors import DataError
from backend.jobs.context import JobContext
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from backend.people import HOME
from tests.faults.stage import Stage

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
            said = write(what(0) if write is reading.write_blocks else what(), target, skip_bad=skip_bad)  # type: ignore[operator] # each with what it takes
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


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a second process is forked on Linux only")
@pytest.mark.parametrize("odd", ["", "first", "second", "last", "long"])
def test_two_processes_make_what_one_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, odd: str) -> None:
    monkeypatch.setattr(halves, "LEAST", 1000)
    monkeypatch.setattr(halves.os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr("backend.data.opening.limits.limit", lambda *_: None)
    stage = Stage.at(tmp_path / "workspace")
    every = [json.dumps(chat(f"Ce e {at}?", f"Un număr: {at}.")) for at in range(400)]
    for place in {"first": [3], "second": [300], "last": [399], "long": [180]}.get(odd, []):
        every[place] = LINES[3] if odd != "long" else json.dumps(chat("x" * 900_000, "Da."))
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(every))
    job = submit.start(HOME, stage.jobs, [(path.name, path)])
    folder = RunFolder(stage.workspace.run(job.id))
    request = {"import": folder.read(folder.request)["import"]}
    assert run.run(JobContext(folder=folder, request=request)) == ExitCode.DONE
    made = submit.made(HOME, stage.jobs, job)
    assert made is not None
    target = io.BytesIO()
    found = reading.write(lines.opened(path, "utf-8").records(), target)
    assert (made.rows, made.sha256, made.path.read_bytes()) == (found.rows, found.digest, target.getvalue())
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
