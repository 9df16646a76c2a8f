"""What the tab of the runs does when something is pressed, on a real ledger; no process runs."""

import json
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from backend.jobs import recorded, rows
from backend.jobs.model import Job, JobState
from studio.services.door import Services
from studio.tabs.runs import ACTIONS, Handlers
from studio.text import Words
from tests.backend.test_models_files import adapter, lora

ENDED = {JobState.DONE, JobState.FAILED, JobState.STOPPED, JobState.INTERRUPTED}


class Page:
    """Somebody in front of the tab, in one language."""

    def __init__(self, root: Path, language: str = "en") -> None:
        self.services = Services.at(root)
        self.handlers = Handlers(self.services, Words(language))

    def has(self, name: str, state: JobState = JobState.QUEUED) -> Job:
        """A run of this name, as if it had come into this state."""
        job = self.services.start(self.services.recipe("starter-lora"), "starter", "starter-ro", name)
        with self.services.jobs.ledger.write() as opened:
            ended = time.time() if state in ENDED else None
            rows.change(opened, job.id, state=state.value, attempt=int(state != JobState.QUEUED), ended_at=ended)
        return self.services.run(job.id)

    def presses(self, action: str, run: str, value: Any = None) -> dict[str, Any]:
        event = SimpleNamespace(action=action, run=run, value=value)
        found: dict[str, Any] = json.loads(self.handlers.act(event))
        return found

    def queue(self) -> list[str]:
        waiting = [job for job in self.services.runs() if job.state is JobState.QUEUED]
        return [job.name for job in sorted(waiting, key=lambda job: job.position)]


@pytest.fixture
def page(tmp_path: Path) -> Page:
    return Page(tmp_path / "workspace")


def test_each_run_of_the_queue_moves_as_far_as_it_can(page: Page) -> None:
    first, _, third = (page.has(name) for name in "abc")
    assert page.presses("earlier", third.id)["line"]["name"] == "c"
    assert page.queue() == ["a", "c", "b"]
    page.presses("later", third.id)
    assert page.queue() == ["a", "b", "c"]
    page.presses("later", third.id)
    assert page.queue() == ["a", "b", "c"]
    page.presses("first", third.id)
    assert page.queue() == ["c", "a", "b"]
    page.presses("earlier", third.id)
    assert page.queue() == ["c", "a", "b"]
    page.presses("later", first.id)
    assert page.queue() == ["c", "b", "a"]


def test_a_run_waits_until_a_moment_and_then_no_longer(page: Page) -> None:
    run, later = page.has("a").id, time.time() + 3600
    assert page.presses("start", run, later)["line"]["startAt"] == later
    assert page.presses("start", run, None)["line"]["startAt"] is None


@pytest.mark.parametrize(
    ("when", "said"),
    [(0, "already past"), (4e9, "more than a year"), (True, "day and a time"), ("soon", "day and a time"),
     ("", "day and a time"), ([], "day and a time"), (-1, "already past"), (1e3, "already past"),
     (float("nan"), "more than a year"), (float("inf"), "more than a year")],
)  # fmt: skip
def test_a_moment_that_cannot_be_is_refused_where_it_was_typed(page: Page, when: Any, said: str) -> None:
    run = page.has("a").id
    answer = page.presses("start", run, when)
    assert said in answer["wrong"]
    assert page.services.run(run).start_at is None


def test_what_does_not_apply_is_refused_in_the_language_of_the_page(tmp_path: Path) -> None:
    page = Page(tmp_path / "workspace", "ro")
    done = page.has("gata", JobState.DONE).id
    said = {action: page.presses(action, done).get("wrong", "") for action in ("stop", "resume", "first", "start")}
    assert said["stop"] == "Rularea „gata” s-a încheiat deja."
    assert all("gata" in text for text in said.values())


def test_stopping_says_at_once_that_it_stops_and_whether_to_keep(page: Page) -> None:
    run = page.has("a", JobState.RUNNING).id
    assert page.presses("stop", run)["line"]["word"] == "stopping…"
    folder = page.services.folder(run)
    assert folder.read(folder.stop) == {"save": True}
    page.presses("discard", run)
    assert folder.read(folder.stop) == {"save": False}


def test_a_queued_run_is_taken_out_and_a_stopped_one_goes_on(page: Page) -> None:
    run = page.has("a").id
    assert page.presses("stop", run)["line"]["state"] == "stopped"
    assert page.presses("resume", run)["line"]["state"] == "queued"


def test_a_repeated_run_asks_the_same_under_a_free_name(page: Page) -> None:
    first = page.has("a", JobState.DONE)
    again = page.services.run(page.presses("repeat", first.id)["run"])
    assert (again.name, again.state) == ("a 2", JobState.QUEUED)
    asked = [page.services.my_runs.request(run.id) for run in (first, again)]
    same = [{part: request[part] for part in ("recipe", "model", "data")} for request in asked]
    assert same[0] == same[1]


def test_names_notes_and_pins_are_kept(page: Page) -> None:
    run = page.has("a").id
    page.has("b")
    assert page.presses("rename", run, "mai bun")["line"]["name"] == "mai bun"
    assert "already exists" in page.presses("rename", run, "B")["wrong"]
    assert page.presses("note", run, "<b>x</b>" * 500)["line"]["note"] == "<b>x</b>" * 500
    assert page.presses("pin", run)["line"]["pinned"] is True
    assert page.presses("unpin", run)["line"]["pinned"] is False


def test_a_deleted_run_is_gone_but_never_one_that_still_goes(page: Page) -> None:
    run, going = page.has("a", JobState.DONE).id, page.has("b", JobState.RUNNING).id
    assert "still going" in page.presses("delete", going)["wrong"]
    assert page.presses("delete", run) == {"action": "delete", "run": run, "line": None}
    assert [job.id for job in page.services.jobs.all(page.services.person)] == [going]


@pytest.mark.parametrize("action", ACTIONS)
def test_a_run_that_is_not_there_is_not_found_whatever_is_pressed(page: Page, action: str) -> None:
    assert page.presses(action, "../../etc", None)["wrong"] == '"../../etc" was not found.'


SHIPPED = recorded.every()


@pytest.mark.parametrize("action", ["stop", "discard", "resume", "rename", "note", "pin", "start", "delete"])
def test_a_run_that_ships_cannot_be_changed(page: Page, action: str) -> None:
    assert "ships with the studio" in page.presses(action, SHIPPED[0].id)["wrong"]


def test_a_run_that_ships_is_listed_shown_and_repeated(page: Page) -> None:
    shipped = SHIPPED[0]
    assert page.services.runs() == list(SHIPPED)
    assert shipped in page.services.chats.adapters()
    assert page.services.chats.base_of(f"run:{shipped.id}") == "starter"
    again = page.services.run(page.presses("repeat", shipped.id)["run"])
    assert (again.name, again.recorded) == (f"{shipped.name} 2", False)


def test_an_import_keeps_what_was_typed_until_it_was_taken(page: Page, tmp_path: Path) -> None:
    tried = page.handlers.import_typed("folder", "/nowhere", "a mea")
    assert "There is no folder" in tried.said
    assert tried.answer == ""
    assert "Choose a zip file" in page.handlers.import_typed("folder", "  ", "").said
    assert "is not a Hub id" in page.handlers.import_typed("hub", "gpt2", "").said
    queued = page.handlers.import_typed("hub", "ana/romanian", "")
    assert json.loads(queued.answer)["line"]["kind"] == "import"
    assert (queued.said, queued.where, queued.name) == ("", "", "")


def test_an_uploaded_archive_becomes_a_run_and_the_upload_goes(page: Page, tmp_path: Path) -> None:
    shipped = page.services.folder(SHIPPED[0].id).adapter
    archive = tmp_path / "adaptorul meu.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for path in shipped.iterdir():
            opened.write(path, f"adapter/{path.name}")
    answer = json.loads(page.handlers.import_zip(str(archive), "").answer)
    assert (answer["line"]["name"], answer["line"]["kind"]) == ("adaptorul meu", "import")
    assert not archive.exists()
    assert page.services.chats.base_of(f"run:{answer['run']}") == "starter"
    assert page.presses("repeat", answer["run"])["wrong"].endswith("so it cannot be repeated.")


def test_an_archive_for_another_model_is_refused_and_the_upload_goes(page: Page, tmp_path: Path) -> None:
    found = adapter(tmp_path / "far", lora(), base_model_name_or_path="evil/repo")
    archive = tmp_path / "far.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for path in found.iterdir():
            opened.write(path, path.name)
    assert "not installed here" in page.handlers.import_zip(str(archive), "").said
    assert not archive.exists()
    assert page.handlers.import_zip(None, "") == page.handlers.import_zip("", "")


def test_each_source_has_its_own_field(page: Page) -> None:
    upload, hint, where, go, *said = page.handlers.chosen_source("hub")
    assert (upload["visible"], where["visible"], go["visible"], said) == (False, True, True, ["", ""])
    assert hint["visible"] is False
    assert where["label"] == "Hub id (owner/name)"
    assert page.handlers.chosen_source("zip")[0]["visible"] is True
