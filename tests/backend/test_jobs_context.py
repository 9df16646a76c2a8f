"""What a running job says and hears: stamped events, a status that is never torn, stop requests."""

import json
import os
import signal
from pathlib import Path

import pytest

from backend.jobs import events
from backend.jobs.context import JobContext, StopSignal, mend
from backend.jobs.folder import RunFolder


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def job(tmp_path: Path, clock: Clock) -> JobContext:
    return JobContext(RunFolder(tmp_path), {}, now=clock)


def step(number: int) -> events.Step:
    return events.Step(
        step=number, total=9, loss=0.5, learning_rate=0, grad_norm=None, tokens=1, tokens_per_second=1, eta_seconds=None
    )


def test_events_carry_run_time_and_wall_time(job: JobContext, clock: Clock) -> None:
    clock.time += 2.5
    job.say(events.Phase(name="loading"))
    said = next(job.folder.said())
    assert said.t == 2.5
    assert said.at > 1.7e9


def test_run_time_goes_on_over_attempts_and_does_not_count_the_pause(job: JobContext, clock: Clock) -> None:
    clock.time += 10
    job.say(step(1))
    clock.time = 5.0  # another process, on another boot: its monotonic clock began anew
    again = JobContext(job.folder, {}, attempt=2, now=clock)
    clock.time += 3
    again.say(step(2))
    assert [said.t for said in job.folder.said()] == [10.0, 13.0]


def test_status_follows_phase_and_step_without_a_write_for_each(job: JobContext, clock: Clock) -> None:
    job.say(events.Phase(name="training"))
    for number in range(1, 6):
        clock.time += 0.15
        job.say(step(number))
    status = job.folder.read(job.folder.status)
    assert (status["phase"], status["step"], status["total"], status["state"]) == ("training", 4, 9, "running")


@pytest.mark.parametrize(("rest", "kept"), [(b"", 2), (b'{"type": "st', 2), (b"x" * 200_000, 2)])
def test_a_half_written_line_of_a_crash_is_cut_off(tmp_path: Path, rest: bytes, kept: int) -> None:
    path = tmp_path / "events.jsonl"
    whole = b"".join(events.line(step(number)).encode() for number in range(kept))
    path.write_bytes(whole + rest)
    mend(path)
    assert path.read_bytes() == whole


def test_a_file_of_nothing_but_half_a_line_becomes_empty(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_bytes(b'{"type"')
    mend(tmp_path / "events.jsonl")
    assert (tmp_path / "events.jsonl").read_bytes() == b""
    mend(tmp_path / "absent.jsonl")


def test_nobody_asked_means_go_on(job: JobContext) -> None:
    assert job.stop_requested() is None


@pytest.mark.parametrize(
    ("text", "heard"), [('{"save": true}', "save"), ('{"save": false}', "discard"), ("{}", "save")]
)
def test_the_stop_file_says_whether_to_keep_what_was_learned(job: JobContext, text: str, heard: str) -> None:
    job.folder.stop.write_text(text)
    assert job.stop_requested() == heard


def test_a_signal_alone_means_stop_and_save(job: JobContext) -> None:
    before = signal.getsignal(signal.SIGTERM)
    try:
        job.signal = StopSignal().install()
        os.kill(os.getpid(), signal.SIGTERM)
        assert job.stop_requested() == "save"
        job.folder.stop.write_text(json.dumps({"save": False}))
        assert job.stop_requested() == "discard"
    finally:
        signal.signal(signal.SIGTERM, before)
