import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from backend.jobs.events import Attempt, Memory, Phase
from backend.jobs.model import JobState
from studio import live
from studio.live import Live, end_of
from studio.text import Words
from tests.fakes import FakeServices, job, write_events
from tests.studio.test_views import step


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "TICK", 0.02)


@pytest.fixture
def running(services: FakeServices) -> FakeServices:
    services.jobs = {"run1": job(1, "mine", JobState.RUNNING)}
    write_events(services.folder("run1"), Phase(name="training"), step(1, 3.0), Memory(t=1, process=5))
    return services


async def hear(stream: AsyncIterator[bytes], *names: str) -> dict[str, Any]:
    """Reads until each of these events has been heard; the newest of each."""
    heard: dict[str, Any] = {}
    async with asyncio.timeout(10):
        async for raw in stream:
            for said in raw.decode().strip().split("\n\n"):
                head, _, data = said.partition("\ndata: ")
                if data:
                    heard[head.removeprefix("event: ")] = json.loads(data)
            if set(names) <= heard.keys():
                return heard
    raise AssertionError(f"the stream ended after {sorted(heard)}")


def test_a_page_gets_the_whole_state_and_then_only_what_is_new(running: FakeServices) -> None:
    async def session() -> None:
        stream = Live(running).stream(Words("ro"), "run1")  # type: ignore[arg-type]
        first = await hear(stream, "runs", "machine", "curves", "status")
        assert first["machine"] == "CPU · 24 GB · liberi 21 GB"
        assert first["curves"]["reset"] is True
        assert first["curves"]["loss"] == [[1.0, 1, 3.0]]
        assert first["status"]["word"] == "în lucru"
        write_events(running.folder("run1"), step(2, 2.5))
        later = await hear(stream, "curves")
        assert later["curves"]["reset"] is False
        assert later["curves"]["loss"] == [[2.0, 2, 2.5]]
        await stream.aclose()  # type: ignore[attr-defined]

    asyncio.run(session())


def test_a_line_that_is_still_being_written_waits(running: FakeServices) -> None:
    async def session() -> None:
        stream = Live(running).stream(Words("en"), "run1")  # type: ignore[arg-type]
        await hear(stream, "curves", "status")
        whole = step(2, 2.5).model_dump_json()
        with running.folder("run1").events.open("a") as file:
            file.write(whole[:20])
            file.flush()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]

    asyncio.run(session())


def test_a_new_attempt_sends_the_curves_anew(running: FakeServices) -> None:
    async def session() -> None:
        stream = Live(running).stream(Words("en"), "run1")  # type: ignore[arg-type]
        await hear(stream, "curves", "status")
        write_events(running.folder("run1"), step(2, 9.0), Attempt(number=2, from_step=1), step(2, 2.0))
        said = (await hear(stream, "curves"))["curves"]
        assert said["reset"] is True
        assert [point[1:] for point in said["loss"]] == [[1, 3.0], [2, 2.0]]
        await stream.aclose()  # type: ignore[attr-defined]

    asyncio.run(session())


def test_each_page_is_told_in_its_language_about_its_run_and_the_folder_is_read_once(running: FakeServices) -> None:
    async def session() -> None:
        hub = Live(running)  # type: ignore[arg-type]
        streams = [hub.stream(Words(language), "run1") for language in ("en", "it", "it")]
        first = [await hear(stream, "status", "curves") for stream in streams]
        assert [said["status"]["word"] for said in first] == ["running", "in corso", "in corso"]
        assert len(hub.watched) == 1
        write_events(running.folder("run1"), step(2, 2.5))
        assert [(await hear(stream, "curves"))["curves"]["loss"] for stream in streams] == [[[2.0, 2, 2.5]]] * 3
        for stream in streams:
            await stream.aclose()  # type: ignore[attr-defined]
        assert hub.listeners == set()

    asyncio.run(session())


def test_a_run_of_nobody_is_not_shown(running: FakeServices) -> None:
    async def session() -> None:
        stream = Live(running).stream(Words("en"), "../../etc")  # type: ignore[arg-type]
        assert set(await hear(stream, "runs", "machine")) == {"runs", "machine"}
        await stream.aclose()  # type: ignore[attr-defined]

    asyncio.run(session())


def test_a_page_that_does_not_read_is_let_go(running: FakeServices) -> None:
    listener = live.Listener(Words("en"), None)
    for number in range(60):
        listener.tell(runs=str(number))
    assert listener.lost
    assert listener.waiting.qsize() == 50


def test_when_the_watching_breaks_the_stream_ends_so_that_the_browser_comes_again(
    running: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "HEARTBEAT", 0.05)

    async def session() -> None:
        hub = Live(running)  # type: ignore[arg-type]
        stream = hub.stream(Words("en"), None)
        await hear(stream, "runs", "machine")

        def broken() -> Any:
            raise OSError("the disk is gone")

        running.runs = broken  # type: ignore[method-assign]
        async with asyncio.timeout(5):
            async for _ in stream:
                pass
        assert hub._task is not None
        assert isinstance(hub._task.exception(), OSError)

    asyncio.run(session())


def test_a_long_run_opens_with_two_thousand_points_a_curve(running: FakeServices) -> None:
    write_events(running.folder("run1"), *(step(number, number % 7) for number in range(2, 20_000)))

    async def session() -> None:
        stream = Live(running).stream(Words("en"), "run1")  # type: ignore[arg-type]
        said = (await hear(stream, "curves"))["curves"]
        assert len(said["loss"]) == 2000
        await stream.aclose()  # type: ignore[attr-defined]

    asyncio.run(session())


def test_the_end_of_a_log_begins_with_a_whole_line(running: FakeServices) -> None:
    log = running.folder("run1").log
    assert end_of(log) == ""
    log.write_text("first\nsecond line\nthird\n")
    assert end_of(log) == "first\nsecond line\nthird\n"
    assert end_of(log, most=10) == "third\n"
