"""Versions of a data set: made whole or not at all, never in place, found again and compared by their content."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from backend.data import datasets, rows
from backend.data.datasets import Dataset, Step
from backend.data.versions import losses
from backend.data.versions.comparison import compare
from backend.data.versions.deriving import derive
from backend.errors import AccessError, DataError
from backend.jobs.model import NewJob
from backend.jobs.service import Jobs
from backend.ledger.store import Ledger
from backend.paths import Workspace
from backend.people import HOME, Person

STEP = Step(name="filter", settings={"longest": 40})
CUT_OFF = """
import sys
from pathlib import Path
from backend.data import datasets
from backend.data.versions.deriving import derive
from backend.paths import Workspace
from backend.people import HOME
workspace = Workspace(Path(sys.argv[1]))
parent = datasets.find(HOME, workspace, sys.argv[2])
print("begun", flush=True)
derive(HOME, workspace, parent, datasets.Step(name="again"), ({"text": f"Rând {n}."} for n in range(60_000)))
"""


def chat(number: int, answer: str = "Da.") -> rows.Row:
    asked = {"role": "user", "content": f"Întrebarea {number}?"}
    return {"messages": [asked, {"role": "assistant", "content": answer}]}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace").create()


@pytest.fixture
def first(workspace: Workspace, tmp_path: Path) -> Dataset:
    file = tmp_path / "chats.jsonl"
    file.write_text("".join(json.dumps(chat(n)) + "\n" for n in range(20)), encoding="utf-8")
    return datasets.add(HOME, workspace, file, "Chats")


def test_a_version_is_another_data_set_of_the_same_series(workspace: Workspace, first: Dataset) -> None:
    before = first.path.read_bytes()
    second = derive(HOME, workspace, first, STEP, [chat(n) for n in range(15)])
    third = derive(HOME, workspace, second, Step(name="more"), [chat(n) for n in range(12)])
    assert [(one.version, one.parent, one.series) for one in (second, third)] == [
        (2, first.id, first.id),
        (3, second.id, first.id),
    ]
    assert (third.steps, third.rows, third.shape, third.name) == ((STEP, Step(name="more")), 12, "chat", "Chats")
    assert first.path.read_bytes() == before
    assert [one for one in datasets.available(HOME, workspace) if not one.shipped] == [third]
    assert [datasets.find(HOME, workspace, one.id) for one in (first, second, third)] == [first, second, third]
    assert datasets.find(HOME, workspace, "chats") == third


def test_the_version_before_shows_again_when_the_newest_is_deleted(workspace: Workspace, first: Dataset) -> None:
    second = derive(HOME, workspace, first, STEP, [chat(n) for n in range(15)])
    datasets.delete(HOME, workspace, second.id)
    assert datasets.find(HOME, workspace, "Chats") == first


def test_a_version_without_its_parent_stays_whole(workspace: Workspace, first: Dataset) -> None:
    second = derive(HOME, workspace, first, STEP, [chat(n) for n in range(15)])
    datasets.delete(HOME, workspace, first.id)
    assert datasets.find(HOME, workspace, second.id) == second
    assert len(list(rows.read(second.path))) == 15


def test_a_shipped_set_gets_a_version_that_is_the_persons_own(workspace: Workspace) -> None:
    shipped = next(one for one in datasets.available(HOME, workspace) if one.shipped and one.shape == "chat")
    made = derive(HOME, workspace, shipped, STEP, list(rows.read(shipped.path))[:-1])
    assert (made.owner, made.shipped, made.line) == (HOME.id, False, shipped.id)
    assert datasets.find(HOME, workspace, shipped.id) == shipped
    assert all(one.line != shipped.id for one in datasets.available(Person("other"), workspace) if not one.shipped)


def test_nothing_left_nothing_changed_and_other_peoples_rows_are_refused(workspace: Workspace, first: Dataset) -> None:
    with pytest.raises(DataError) as none:
        derive(HOME, workspace, first, STEP, [])
    with pytest.raises(DataError) as same:
        derive(HOME, workspace, first, STEP, rows.read(first.path))
    with pytest.raises(AccessError):
        derive(Person("other"), workspace, first, STEP, [chat(n) for n in range(15)])
    assert (none.value.key, same.value.key) == ("data.nothing_left", "data.nothing_changed")
    first.path.write_text("other\n", encoding="utf-8")
    with pytest.raises(DataError) as changed:
        derive(HOME, workspace, first, STEP, [chat(n) for n in range(15)])
    assert changed.value.key == "data.changed"
    assert datasets.every_version(HOME, workspace)[-1].id == first.id


def test_pictures_that_rows_name_come_along_and_others_do_not(workspace: Workspace, first: Dataset) -> None:
    names = [f"pictures/{n:064x}.png" for n in range(12)]
    (first.path.parent / "pictures").mkdir()
    for name in names:
        (first.path.parent / name).write_bytes(name.encode())
    made = derive(HOME, workspace, first, STEP, [{"image": n, "caption": n} for n in names[:11]], "caption")
    datasets.delete(HOME, workspace, first.id)
    kept = {f"pictures/{path.name}": path.read_bytes() for path in (made.path.parent / "pictures").iterdir()}
    assert kept == {name: name.encode() for name in names[:11]}
    assert made.shape == "caption"


def test_two_at_once_are_two_versions(workspace: Workspace, first: Dataset) -> None:
    made = list[Dataset]()

    def work(most: int) -> None:
        made.append(derive(HOME, workspace, first, STEP, [chat(n) for n in range(most)]))

    threads = [threading.Thread(target=work, args=(most,)) for most in (12, 13, 14)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.version for one in made) == [2, 3, 4]


def test_versions_are_compared_by_their_rows(workspace: Workspace, first: Dataset) -> None:
    other = [chat(n) for n in range(18)] + [chat(30), chat(31), chat(32)]
    other[5] = chat(5, "Nu.")
    made = derive(HOME, workspace, first, STEP, other)
    assert compare(first, made) == (1, 0, 3, 17)
    assert compare(made, first) == (0, 1, 3, 17)
    assert compare(first, first) == (0, 0, 0, 20)
    shuffled = derive(HOME, workspace, first, STEP, reversed(list(rows.read(first.path))))
    assert compare(first, shuffled) == (0, 0, 0, 20)
    shorter = derive(HOME, workspace, first, STEP, list(rows.read(first.path))[3:])
    assert compare(first, shorter) == (0, 3, 0, 17)


def test_what_would_lose_its_source_is_named(workspace: Workspace, first: Dataset) -> None:
    jobs = Jobs(Ledger(workspace.ledger), workspace)
    second = derive(HOME, workspace, first, STEP, [chat(n) for n in range(15)])
    run = jobs.submit(HOME, NewJob("train", "Run", {"data": first.model_dump(mode="json")}))
    chain = jobs.submit(HOME, NewJob("train", "Chain", {"stages": [{"data": first.id}]}))
    jobs.submit(HOME, NewJob("train", "Not it", {"data": second.model_dump(mode="json")}))
    lost = losses.of(HOME, jobs, first.id)
    assert {job.id for job in lost.runs} == {run.id, chain.id}
    assert lost.versions == (second,)
    assert losses.of(Person("other"), jobs, first.id) == ((), ())


@pytest.mark.parametrize("seconds", [0.0, 0.03, 0.1, 0.2, 0.4])
def test_killed_at_any_moment_there_is_the_whole_version_or_none(
    workspace: Workspace, tmp_path: Path, seconds: float
) -> None:
    file = tmp_path / "texts.jsonl"
    file.write_text("".join(json.dumps({"text": f"Textul {n}."}) + "\n" for n in range(20)), encoding="utf-8")
    parent = datasets.add(HOME, workspace, file, "Texts")
    command = [sys.executable, "-c", CUT_OFF, str(workspace.root), parent.id]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(seconds)
        os.kill(process.pid, signal.SIGKILL)
    own = [one for one in datasets.every_version(HOME, workspace) if not one.shipped]
    assert [one.rows for one in own] in ([20], [20, 60_000])
    assert datasets.find(HOME, workspace, parent.id) == parent
    again = derive(HOME, workspace, parent, STEP, ({"text": f"Alt text {n}."} for n in range(30)))
    assert again.version == len(own) + 1
