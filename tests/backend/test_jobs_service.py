"""What a person may do with runs: hand in, find, stop, resume, reorder, rename, delete; never with another's."""

import itertools
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from backend.errors import AccessError, JobError
from backend.jobs import order
from backend.jobs.claims import Outcome
from backend.jobs.model import NEXT, ExitCode, JobState, NewJob, require_move
from backend.jobs.process import Identity
from backend.jobs.service import Jobs
from backend.ledger import schema
from backend.people import HOME, Person
from tests.faults.stage import Stage

ANA, ION = Person("ana"), Person("ion")
ME = Identity(1, "0", "no such boot")


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage.at(tmp_path)


def queue(stage: Stage) -> list[str]:
    waiting = [job for job in stage.jobs.all(HOME) if job.state == JobState.QUEUED]
    return [job.name for job in sorted(waiting, key=lambda job: job.position)]


def test_the_states_table_is_the_one_in_the_design() -> None:
    allowed = {(now.value, to.value) for now, following in NEXT.items() for to in following}
    assert ("done", "queued") not in allowed
    assert ("queued", "running") not in allowed
    assert {to for now, to in allowed if now == "queued"} == {"starting", "stopped"}
    with pytest.raises(JobError, match='"x" is done; it cannot become queued'):
        require_move("x", JobState.DONE, JobState.QUEUED)


def test_a_submitted_job_has_its_request_on_the_disk_and_a_place_in_the_queue(stage: Stage) -> None:
    job = stage.submit("prima", steps=7)
    request = json.loads(stage.jobs.folder(job).request.read_text())
    assert (job.state, job.attempt, request["steps"], request["job"]["owner"]) == (JobState.QUEUED, 0, 7, "home")
    assert stage.jobs.folder(job).path.parent == stage.workspace.runs


@pytest.mark.parametrize("name", ["run1", "RUN1", "  run1 "])
def test_a_name_is_taken_whatever_its_case(stage: Stage, name: str) -> None:
    stage.submit("Run1")
    with pytest.raises(JobError, match=r'A run with this name already exists \("Run1"\)'):
        stage.submit(name)
    assert len(list(stage.workspace.runs.iterdir())) == 1


def test_a_composed_and_a_decomposed_name_are_the_same(stage: Stage) -> None:
    stage.submit("ș\u0103")
    with pytest.raises(JobError, match="already exists"):
        stage.submit("s\u0326a\u0306")


def test_two_people_may_use_the_same_name(stage: Stage) -> None:
    for person in (ANA, ION):
        stage.jobs.submit(person, NewJob("count", "una", {}))
    assert len(stage.jobs.all(ANA)) == 1


def test_of_many_at_once_with_one_name_exactly_one_gets_in(stage: Stage) -> None:
    """No folder of a refused one stays behind."""
    refused: list[JobError] = []

    def hand_in() -> None:
        try:
            stage.submit("aceeași")
        except JobError as error:
            refused.append(error)

    threads = [threading.Thread(target=hand_in) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(refused), len(stage.jobs.all(HOME)), len(list(stage.workspace.runs.iterdir()))) == (7, 1, 1)


ACTIONS: dict[str, Callable[[Jobs, Person, str], object]] = {
    "get": lambda jobs, person, job: jobs.get(person, job),
    "find": lambda jobs, person, job: jobs.find(person, job),
    "stop": lambda jobs, person, job: jobs.stop(person, job),
    "resume": lambda jobs, person, job: jobs.resume(person, job),
    "move": lambda jobs, person, job: jobs.move(person, job),
    "rename": lambda jobs, person, job: jobs.rename(person, job, "mea"),
    "annotate": lambda jobs, person, job: jobs.annotate(person, job, "x"),
    "pin": lambda jobs, person, job: jobs.pin(person, job, pinned=True),
    "delete": lambda jobs, person, job: jobs.delete(person, job),
}


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS.keys())
def test_somebody_elses_run_is_not_found_in_the_words_of_an_absent_one(
    stage: Stage, action: Callable[..., object]
) -> None:
    job = stage.jobs.submit(ANA, NewJob("count", "a mea", {}))
    said = []
    for job_id in (job.id, "f" * len(job.id)):
        with pytest.raises(AccessError) as found:
            action(stage.jobs, ION, job_id)
        said.append(str(found.value).replace(job_id, "?"))
    assert said[0] == said[1]
    assert stage.jobs.get(ANA, job.id) == job


def test_nobody_can_move_a_run_before_somebody_elses(stage: Stage) -> None:
    hers, his = (stage.jobs.submit(person, NewJob("count", "una", {})) for person in (ANA, ION))
    with pytest.raises(AccessError):
        stage.jobs.move(ION, his.id, before=hers.id)


def test_the_order_of_the_queue_can_be_changed(stage: Stage) -> None:
    a, b, c = (stage.submit(name) for name in "abc")
    stage.jobs.move(HOME, c.id, before=a.id)
    assert queue(stage) == ["c", "a", "b"]
    stage.jobs.move(HOME, b.id, before=a.id)
    assert queue(stage) == ["c", "b", "a"]
    stage.jobs.move(HOME, c.id)
    assert queue(stage) == ["b", "a", "c"]
    stage.jobs.move(HOME, a.id, before=a.id)
    assert queue(stage) == ["b", "a", "c"]


def test_there_is_always_room_between_two(stage: Stage) -> None:
    """Sixty times between the same two: the halves run out of digits, and positions are spread anew."""
    jobs = {name: stage.submit(name) for name in ("a", "b", "x")}
    for turn in range(60):
        moved = "x" if turn % 2 == 0 else "a"
        stage.jobs.move(HOME, jobs[moved].id, before=jobs["b"].id)
        assert queue(stage)[1:] == [moved, "b"]
    positions = sorted(job.position for job in stage.jobs.all(HOME))
    assert all(after - before > order.CLOSEST / 2 for before, after in itertools.pairwise(positions))


def test_only_a_queued_run_can_be_moved(stage: Stage) -> None:
    a, b = stage.submit("a"), stage.submit("b")
    stage.begun(a, ME)
    with pytest.raises(JobError, match='"a" is not waiting'):
        stage.jobs.move(HOME, b.id, before=a.id)


def test_stopping_a_queued_run_ends_it_at_once_and_twice_is_the_same(stage: Stage) -> None:
    job = stage.submit("a")
    first = stage.jobs.stop(HOME, job.id)
    assert (first.state, first.reason_key) == (JobState.STOPPED, "jobs.stopped_in_queue")
    assert stage.jobs.stop(HOME, job.id) == first


def test_stopping_a_running_run_writes_the_wish_and_twice_is_the_same(stage: Stage) -> None:
    job = stage.submit("a")
    stage.begun(job, ME)
    first = stage.jobs.stop(HOME, job.id)
    assert first.stopping
    assert stage.jobs.stop(HOME, job.id, save=False).stop_asked_at == first.stop_asked_at
    assert stage.jobs.folder(job).read(stage.jobs.folder(job).stop) == {"save": False}


def test_stopping_a_finished_run_is_said_to_be_too_late(stage: Stage) -> None:
    job = stage.submit("a")
    stage.claims.conclude(job.id, stage.begun(job, ME), Outcome(ExitCode.DONE))
    with pytest.raises(JobError, match='"a" has already ended'):
        stage.jobs.stop(HOME, job.id)


def test_a_stopped_run_is_resumed_as_a_new_attempt_at_the_end_of_the_queue(stage: Stage) -> None:
    job, other = stage.submit("a"), stage.submit("b")
    stage.claims.conclude(job.id, stage.begun(job, ME), Outcome(ExitCode.STOPPED))
    again = stage.jobs.resume(HOME, job.id)
    assert (again.state, again.stop_asked_at, again.ended_at, queue(stage)) == (JobState.QUEUED, None, None, ["b", "a"])
    assert other.id != job.id
    with pytest.raises(JobError, match="only a stopped, interrupted or failed run"):
        stage.jobs.resume(HOME, job.id)
    claim = stage.claims.take(lambda first: first.id == job.id)
    assert claim is not None
    assert claim.job.attempt == 2
    assert not stage.jobs.folder(job).stop.exists()


def test_a_run_is_found_by_name_or_id(stage: Stage) -> None:
    job = stage.submit("Prima mea")
    assert stage.jobs.find(HOME, "prima MEA") == stage.jobs.find(HOME, job.id) == job
    with pytest.raises(AccessError, match='"alta" was not found'):
        stage.jobs.find(HOME, "alta")


def test_a_run_can_be_renamed_but_not_to_a_name_in_use(stage: Stage) -> None:
    a, _ = stage.submit("a"), stage.submit("b")
    assert stage.jobs.rename(HOME, a.id, "A").name == "A"
    with pytest.raises(JobError, match=r'\("b"\)'):
        stage.jobs.rename(HOME, a.id, "B")


def test_deleting_removes_row_and_folder_but_never_of_a_living_run(stage: Stage) -> None:
    job = stage.submit("a")
    token = stage.begun(job, ME)
    with pytest.raises(JobError, match="still going"):
        stage.jobs.delete(HOME, job.id)
    stage.claims.conclude(job.id, token, Outcome(ExitCode.DONE))
    with stage.jobs.folder(job).lock().acquire(), pytest.raises(JobError, match="still going"):
        stage.jobs.delete(HOME, job.id)
    stage.jobs.delete(HOME, job.id)
    assert (stage.jobs.all(HOME), list(stage.workspace.runs.iterdir())) == ([], [])
    assert list(stage.workspace.trash.iterdir()) == []
    assert stage.submit("a").name == "a"


def test_five_thousand_finished_runs_are_listed_in_less_than_a_blink(stage: Stage) -> None:
    first = stage.submit("a")
    with stage.ledger.write() as opened:
        row = dict(opened.execute(select(schema.jobs)).one()._mapping)
        new = ({"id": f"{number:020}", "name_key": str(number), "state": "done"} for number in range(5000))
        opened.execute(insert(schema.jobs), [row | fresh for fresh in new])
    began = time.process_time()
    found = stage.jobs.all(HOME)
    assert time.process_time() - began < 0.3
    assert (len(found), found[0]) == (5001, first)
