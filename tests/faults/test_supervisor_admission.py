"""A run starts when the memory it needs is free: it waits for the chat to leave, and both say so."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from backend.jobs.model import Job, JobState, NewJob
from backend.jobs.supervisor import admission
from backend.jobs.supervisor.admission import Admission
from backend.jobs.supervisor.engine import EngineKeeper
from backend.jobs.supervisor.house import House
from backend.jobs.supervisor.loop import Loop
from backend.people import HOME
from backend.settings import Settings
from tests.faults.stage import Stage, ends, until

GB = 10**9
CHAT = "jobs.waits_chat"
OTHERS = "jobs.waits_memory"


@dataclass
class Scene:
    """A workspace with a small memory: 4 GB, of which the chat has 1.2 while its engine holds a model."""

    stage: Stage
    engine: EngineKeeper
    admission: Admission
    loop: Loop
    others: int = 0
    now: float = 0.0
    waited: list[str] = field(default_factory=list)

    @property
    def unloaded(self) -> Path:
        return self.stage.workspace.root / "unloaded"

    def memory(self, device: str) -> tuple[int, int]:
        chat = 0 if self.unloaded.exists() or self.engine.child is None else 1_200_000_000
        return 4 * GB, 4 * GB - self.others - chat

    def submit(self, needed: int, name: str = "a") -> Job:
        request = {"steps": 3, "forecast": {"total_bytes": 3 * needed, "needed_bytes": needed}}
        return self.stage.jobs.submit(HOME, NewJob("count", name, request, forecast_bytes=3 * needed))

    def second(self) -> None:
        """One round of the supervisor."""
        self.now += 1.0
        self.loop._looked = float("-inf")
        self.loop.beat()

    def reason(self, job: Job) -> str | None:
        return self.stage.job(job).reason_key


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    stage = Stage.at(tmp_path)
    engine = EngineKeeper(stage.ledger, stage.workspace, "tests.faults.fake_engine")
    loop = stage.loop()
    made = Scene(stage, engine, Admission(stage.ledger, stage.workspace, engine), loop)
    made.admission.memory, made.admission.clock = made.memory, lambda: made.now
    loop.admits, loop.refusal, loop.also = made.admission.admits, made.admission.refusal, made.admission.tend
    yield made
    engine.end()


def chatting(scene: Scene) -> None:
    """The engine is up and holds a model."""
    scene.stage.jobs.want_engine(HOME)
    scene.engine.tend(0.0)
    until(scene.stage.workspace.engine_address.exists)


def test_where_both_fit_the_run_starts_beside_the_chat(scene: Scene) -> None:
    chatting(scene)
    job = scene.submit(2 * GB)
    assert ends(scene.stage, scene.loop, job).state is JobState.DONE
    assert not scene.unloaded.exists()
    assert scene.admission.made_room is None


def test_a_run_waits_until_the_chat_has_left_and_both_say_so(scene: Scene) -> None:
    chatting(scene)
    busy = scene.stage.workspace.root / "busy"
    busy.touch()
    job = scene.submit(3 * GB)
    scene.second()
    waiting = scene.stage.job(job)
    assert (waiting.state, waiting.reason_key) == (JobState.QUEUED, CHAT)
    assert waiting.reason_values == {"held": "1.2 GB"}
    assert scene.admission.made_room is None
    busy.unlink()  # its answers have ended
    scene.second()
    made_room = scene.admission.made_room
    assert made_room is not None
    assert made_room.name == "a"
    done = ends(scene.stage, scene.loop, job)
    assert (done.state, done.reason_key) == (JobState.DONE, None)
    scene.second()
    assert scene.admission.made_room is None


def test_a_chat_that_goes_on_answering_leaves_after_half_a_minute(scene: Scene) -> None:
    chatting(scene)
    (scene.stage.workspace.root / "busy").touch()
    job = scene.submit(3 * GB)
    for _ in range(int(admission.POLITE_SECONDS)):
        scene.second()
    assert not scene.unloaded.exists()
    assert scene.reason(job) == CHAT
    scene.second()
    scene.second()
    assert scene.unloaded.exists()
    assert ends(scene.stage, scene.loop, job).state is JobState.DONE


def test_for_memory_that_others_hold_it_waits_some_minutes_and_a_smaller_run_passes_it(scene: Scene) -> None:
    scene.others = 2 * GB
    large, small = scene.submit(3 * GB, "large"), scene.submit(GB, "small")
    scene.second()
    assert scene.reason(large) == OTHERS
    assert scene.stage.job(large).reason_values == {"needed": "3 GB", "free": "2 GB"}
    assert ends(scene.stage, scene.loop, small).state is JobState.DONE
    assert scene.stage.job(large).state is JobState.QUEUED
    scene.now += admission.PATIENCE_SECONDS
    for wait in scene.admission._waits.values():
        wait.seen = scene.now
    assert ends(scene.stage, scene.loop, large).state is JobState.DONE


def test_it_starts_as_soon_as_others_give_their_memory_back(scene: Scene) -> None:
    scene.others = 2 * GB
    job = scene.submit(3 * GB)
    scene.second()
    assert scene.reason(job) == OTHERS
    scene.others = 0
    done = ends(scene.stage, scene.loop, job)
    assert (done.state, done.reason_key) == (JobState.DONE, None)


def test_a_run_that_needs_more_than_there_is_never_starts_and_says_so(scene: Scene) -> None:
    job = scene.submit(5 * GB)
    scene.second()
    failed = scene.stage.job(job)
    assert (failed.state, failed.reason_key) == (JobState.FAILED, "forecast.too_big")
    assert failed.reason_values == {"needed": "5 GB", "has": "4 GB"}


def test_a_waiting_run_that_is_taken_out_of_the_queue_sends_nobody_away(scene: Scene) -> None:
    chatting(scene)
    (scene.stage.workspace.root / "busy").touch()
    job = scene.submit(3 * GB)
    scene.second()
    scene.stage.jobs.stop(HOME, job.id)
    scene.now += admission.FORGOTTEN_SECONDS
    scene.second()
    (scene.stage.workspace.root / "busy").unlink()
    scene.second()
    assert not scene.unloaded.exists()


def test_the_supervisors_file_names_the_run_that_the_chat_left_for(tmp_path: Path) -> None:
    stage = Stage.at(tmp_path)
    house = House(stage.ledger, stage.workspace, Settings(), worker="x", engine="x")
    house.look_around()
    assert stage.jobs.supervisor_status()["made_room"] is None
    house.admission.made_room = stage.submit("first")
    house.look_around()
    assert stage.jobs.supervisor_status()["made_room"] == "first"
