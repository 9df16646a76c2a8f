"""Lines read in blocks become what they become one by one, whatever stands in them."""

import errno
import hashlib
import io
import json
import os
import sys
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from backend.data import reading
from backend.data.files import blocks, flushing, jsonl, turns
from backend.data.intake import digest, run, submit
from backend.data.intake.request import Import, Source
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


def source(path: Path) -> str:
    """What told imports of the same bytes apart from others since there were any."""
    total = hashlib.sha256(path.name.encode() + hashlib.sha256(path.read_bytes()).digest()).digest()
    chosen = Import(sources=(), name="a", skip_bad=True).model_dump_json(include={"choices", "mapping", "skip_bad"})
    return hashlib.sha256(total + chosen.encode()).hexdigest()


def both(path: Path, *, skip_bad: bool = True) -> list[Any]:
    """(bytes, findings) or the refusal, by blocks and line by line."""
    opened = lines.opened(path, "utf-8")
    assert opened.blocks is not None
    found: list[Any] = []
    with opened.blocks() as every:
        for write in (
            lambda target: reading.write_blocks(every, target, skip_bad=skip_bad),
            lambda target: reading.write(opened.records(), target, skip_bad=skip_bad),
        ):
            target = io.BytesIO()
            try:
                said = write(target)
            except DataError as error:
                found.append((error.key, error.values))
            else:
                counts = (said.rows, said.total, said.faulty, said.shape, said.digest, said.characters)
                found.append((target.getvalue(), (*counts, len(said.distinct))))
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
    '{"messages": [{"role": "user", "content": "a"},\n{"role": "assistant", "content": "c"}]}',
    '{"messages": [{"role": "user", "content": "a"}\n{"role": "assistant", "content": "c"}]}',
    ", ".join([json.dumps(chat("a", "b"))] * 2),
    "],[".join([json.dumps(chat("a", "b"))] * 2),
    " ".join([json.dumps(chat("a", "b"))] * 2),
    "".join([json.dumps(chat("a", "b"))] * 2),
    json.dumps(chat("a", "b")).replace("[", "\n["),
    "\n" + json.dumps(chat("a", "b")) + "\n",
    json.dumps(chat("a\n\"b\"", "\t\\c/")).replace("/", "\\/"),
    json.dumps(chat("\u2003", "b"), ensure_ascii=False),
    json.dumps({"messages": []}),
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


@pytest.mark.parametrize("part", [50, 64, 100, 1000, 5000])
def test_parts_of_a_file_hold_each_line_once(monkeypatch: pytest.MonkeyPatch, part: int) -> None:
    monkeypatch.setattr(blocks, "SIZE", 64)
    raw = b"".join(b'{"text": "%s"}\n' % (b"x" * (at * 7 % 300)) for at in range(100))[:-1]
    file, found = io.BytesIO(raw), []
    for start in range(0, len(raw), part):
        begin = found[-1].end if found else 0
        if begin < start + part:
            found += blocks.of(file, 1 + sum(block.total for block in found), begin, start + part)
    assert len(found) > 10
    assert b"".join(block.raw for block in found) == raw + b"\n"
    assert found[-1].end == len(raw)
    for block in found:
        assert (raw + b"\n")[: block.end + (block is found[-1])].count(b"\n") == block.first - 1 + block.total
        assert block.total == block.raw.count(b"\n")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a second process is forked on Linux only")
@pytest.mark.parametrize("odd", ["", "first", "second", "last", "long", "longer", "many"])
def test_two_processes_make_what_one_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, odd: str) -> None:
    monkeypatch.setattr(turns, "LEAST", 1000)
    monkeypatch.setattr(turns, "PART", 2000)
    monkeypatch.setattr(turns.os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr("backend.data.opening.limits.limit", lambda *_: None)
    stage = Stage.at(tmp_path / "workspace")
    every = [json.dumps(chat(f"Ce e {at}?", f"Un număr: {at}.")) for at in range(400)]
    places = {"first": [3], "second": [300], "last": [399], "long": [180], "longer": [200], "many": range(0, 400, 7)}
    for place in places.get(odd, []):
        every[place] = json.dumps(chat("x" * 900_000, "Da.")) if odd == "long" else LINES[3]
        every[place] = json.dumps(chat("x" * 3_000_000, "Da.")) if odd == "longer" else every[place]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(every))
    job = submit.start(HOME, stage.jobs, [(path.name, path)], skip_bad=True)
    folder = RunFolder(stage.workspace.run(job.id))
    request = {"import": folder.read(folder.request)["import"]}
    assert run.run(JobContext(folder=folder, request=request)) == ExitCode.DONE
    made = submit.made(HOME, stage.jobs, job)
    assert made is not None
    target = io.BytesIO()
    found = reading.write(lines.opened(path, "utf-8").records(), target, skip_bad=True)
    assert made.source_sha256 == source(path)
    assert (made.rows, made.sha256, made.path.read_bytes()) == (found.rows, found.digest, target.getvalue())
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_what_the_disk_did_not_take_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flushing, "FIRST_SECONDS", 0.001)
    tried = Event()

    def full(_: int) -> None:
        tried.set()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(flushing.os, "fsync", full)

    def write() -> None:
        with (tmp_path / "rows").open("wb") as file, flushing.beside(file):
            file.write(b"a")
            assert tried.wait(30)

    with pytest.raises(OSError, match="No space left"):
        write()


def test_an_import_that_fails_does_not_wait_for_its_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest, "PART", 1)
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        file.truncate(1 << 36)  # takes no room, and days to read byte by byte
    asked = Import(sources=(Source(name=path.name, path=path),), name="a")
    with pytest.raises(DataError), digest.beside(asked):
        raise DataError("data.empty_file")
