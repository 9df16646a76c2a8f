import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.types import Message

from backend.jobs.events import Attempt, Memory, Phase, Sample
from backend.jobs.model import JobState
from studio import live
from studio.live import Live, Stream
from studio.text import Words
from tests.fakes import FakeServices, job, write_events
from tests.studio.test_views import step


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "TICK", 0.02)


@pytest.fixture
def running(services: FakeServices) -> FakeServices:
    services.jobs = {"run1": job(1, "mine", JobState.RUNNING), "run2": job(2, "other")}
    write_events(services.folder("run1"), Phase(name="training"), step(1, 3.0), Memory(t=1, process=5))
    return services


class Heard:
    """A page that listens: the newest of each event, and everything in order."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self.pieces = pieces
        self.said: list[tuple[str, Any]] = []

    async def until(self, *names: str) -> dict[str, Any]:
        """Reads on until each of these events has been heard."""
        new: dict[str, Any] = {}
        async with asyncio.timeout(60):
            while not set(names) <= new.keys():
                for said in (await anext(self.pieces)).decode().strip().split("\n\n"):
                    head, _, data = said.partition("\ndata: ")
                    if data:
                        new[head.removeprefix("event: ")] = json.loads(data)
                        self.said.append((head.removeprefix("event: "), json.loads(data)))
        return new


@asynccontextmanager
async def listening(hub: Live, language: str = "en", run: str | None = "run1") -> AsyncIterator[Heard]:
    async with hub.listening(Words(language), run) as listener:
        yield Heard(listener.pieces())


def test_a_page_gets_the_whole_state_and_then_only_what_is_new(running: FakeServices) -> None:
    async def session() -> None:
        async with listening(Live(running), "ro") as page:
            first = await page.until("runs", "machine", "curves", "answers", "status")
            assert first["machine"] == "CPU · 24 GB · liberi 21 GB"
            assert [row["name"] for row in first["runs"]] == ["other", "mine"]
            assert first["curves"]["reset"] is True
            assert first["curves"]["steps"]["loss"] == [3]
            assert first["status"]["word"] == "în lucru"
            write_events(running.folder("run1"), step(2, 2.5), Sample(step=2, index=0, question="q", answer="a"))
            later = await page.until("curves", "status", "rows", "answers")
            assert later["curves"]["reset"] is False
            assert (later["curves"]["steps"]["from"], later["curves"]["steps"]["loss"]) == (1, [2.5])
            assert [row["name"] for row in later["rows"]] == ["mine"]
            assert later["answers"]["pages"] == [{"step": 2, "answers": [{"text": "a", "right": None}]}]
            assert [name for name, _ in page.said].count("runs") == 1

    asyncio.run(session())


def test_a_run_that_comes_changes_the_whole_list(running: FakeServices) -> None:
    async def session() -> None:
        async with listening(Live(running)) as page:
            await page.until("runs")
            running.jobs["run3"] = job(3, "newest", JobState.QUEUED)
            assert [row["id"] for row in (await page.until("runs"))["runs"]] == ["run3", "run2", "run1"]

    asyncio.run(session())


def test_a_line_that_is_still_being_written_waits(running: FakeServices) -> None:
    async def session() -> None:
        async with listening(Live(running)) as page:
            await page.until("curves", "status")
            whole = step(2, 2.5).model_dump_json()
            with running.folder("run1").events.open("a") as file:
                file.write(whole[:20])
                file.flush()
                await asyncio.sleep(0.2)
                file.write(whole[20:] + "\n")
            assert (await page.until("curves"))["curves"]["steps"]["loss"] == [2.5]

    asyncio.run(session())


def test_a_line_that_is_no_event_is_passed_over(running: FakeServices) -> None:
    with running.folder("run1").events.open("a") as file:
        file.write('{"type":"step","st\n{"type":"of a later version"}\n')
    write_events(running.folder("run1"), step(2, 2.5))

    async def session() -> None:
        async with listening(Live(running)) as page:
            assert (await page.until("curves"))["curves"]["steps"]["step"] == [1, 2]

    asyncio.run(session())


def test_a_new_attempt_takes_back_the_steps_that_are_repeated(running: FakeServices) -> None:
    async def session() -> None:
        async with listening(Live(running)) as page:
            write_events(running.folder("run1"), step(2, 9.0))
            while (await page.until("curves"))["curves"]["steps"]["step"][-1] != 2:
                pass
            write_events(running.folder("run1"), Attempt(number=2, from_step=1), step(2, 2.0))
            said = (await page.until("curves"))["curves"]
            assert (said["steps"]["from"], said["steps"]["loss"]) == (1, [2])

    asyncio.run(session())


def test_pages_alike_are_handed_the_same_bytes_and_each_its_language(running: FakeServices) -> None:
    async def session() -> None:
        hub = Live(running)
        async with (
            hub.listening(Words("en"), "run1") as english,
            hub.listening(Words("it"), "run1") as one,
            hub.listening(Words("it"), "run1") as two,
        ):
            pages = [Heard(listener.pieces()) for listener in (english, one, two)]
            first = [await page.until("status", "curves") for page in pages]
            assert [said["status"]["word"] for said in first] == ["running", "in corso", "in corso"]
            write_events(running.folder("run1"), step(2, 2.5))
            async with asyncio.timeout(60):
                left, right = await one.waiting.get(), await two.waiting.get()
            assert left is not None
            assert left is right
        assert hub.listeners == set()

    asyncio.run(session())


def test_a_run_of_nobody_is_not_shown(running: FakeServices) -> None:
    async def session() -> None:
        async with listening(Live(running), run="../../etc") as page:
            assert set(await page.until("runs", "machine")) == {
                "runs",
                "machine",
                "conversations",
                "models",
                "downloads",
                "sets",
                "imports",
            }

    asyncio.run(session())


def test_a_run_that_begins_after_the_page_came_is_told_whole(running: FakeServices) -> None:
    async def session() -> None:
        async with listening(Live(running), run="run7") as page:
            await page.until("runs")
            running.jobs["run7"] = job(7, "late", JobState.RUNNING)
            write_events(running.folder("run7"), step(1, 3.0))
            said = await page.until("status", "curves")
            assert (said["status"]["name"], said["curves"]["reset"]) == ("late", True)

    asyncio.run(session())


def test_a_page_that_does_not_read_is_let_go() -> None:
    listener = live.Listener(Words("en"), None)
    for number in range(60):
        listener.tell(str(number).encode())
    assert listener.ended
    assert listener.waiting.qsize() == 51


def test_when_the_watching_breaks_the_stream_ends_so_that_the_browser_comes_again(running: FakeServices) -> None:
    async def session() -> None:
        hub = Live(running)
        async with listening(hub, run=None) as page:
            await page.until("runs", "machine")

            def broken() -> Any:
                raise OSError("the disk is gone")

            running.runs = broken
            async with asyncio.timeout(60):
                async for _ in page.pieces:
                    pass
        assert hub._task is not None
        assert isinstance(hub._task.exception(), OSError)

    asyncio.run(session())


def test_a_long_run_opens_with_two_thousand_points_at_most_and_does_not_hold_up_other_pages(
    running: FakeServices,
) -> None:
    write_events(running.folder("run2"), *(step(number, number % 7) for number in range(2, 20_000)))

    async def session() -> None:
        hub = Live(running)
        async with listening(hub) as other:
            await other.until("curves")
            opened = asyncio.create_task(first_curves(hub))
            looks = hub.looks
            said = await opened
            assert hub.looks > looks
            assert 1000 <= len(said["steps"]["loss"]) <= 2000
            assert max(said["steps"]["high"]) == 6

    async def first_curves(hub: Live) -> Any:
        async with listening(hub, run="run2") as page:
            return (await page.until("curves"))["curves"]

    asyncio.run(session())


def test_a_page_that_hears_nothing_new_hears_that_we_are_there(
    running: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_TICKS", 2)

    async def session() -> None:
        async with listening(Live(running)) as page:
            await page.until("curves")
            async with asyncio.timeout(60):
                while await anext(page.pieces) != live.ALIVE:
                    pass

    asyncio.run(session())


def test_the_route_leaves_when_the_browser_leaves(running: FakeServices) -> None:
    hub, sent = Live(running), list[Message]()

    async def session() -> None:
        gone = asyncio.Event()

        async def receive() -> Message:
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)
            if b"curves" in message.get("body", b""):
                gone.set()

        async with asyncio.timeout(60):
            await Stream(hub)({"type": "http", "query_string": b"language=en&run=run1"}, receive, send)

    asyncio.run(session())
    assert sent[0]["status"] == 200
    assert (b"content-type", b"text/event-stream; charset=utf-8") in sent[0]["headers"]
    assert sent[-1] == {"type": "http.response.body", "body": b""}
    assert hub.listeners == set()


def test_pages_are_told_which_conversations_have_changed_and_nothing_more(running: FakeServices) -> None:
    async def session() -> None:
        changes = running.chats.changes
        changes.tell("before")
        async with listening(Live(running), run=None) as page:
            first = (await page.until("conversations"))["conversations"]
            assert first["changed"] is None
            changes.tell("one")
            changes.tell("two")
            said = []
            while "two" not in said:
                news = (await page.until("conversations"))["conversations"]
                assert news["number"] != first["number"]
                said += news["changed"]
            assert sorted(said) == ["one", "two"]
        async with listening(Live(running), run=None) as later:
            assert (await later.until("conversations"))["conversations"] == news | {"changed": None}

    asyncio.run(session())
