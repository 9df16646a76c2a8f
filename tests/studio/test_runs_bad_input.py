"""Every text field of the tab of the runs, with everything that is no name: refused at the field, nothing changes."""

import zipfile
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from backend.messages import LANGUAGES
from studio.live import Live, add_routes
from studio.services.door import Services
from studio.tabs.runs import Handlers, Imported
from studio.text import Words
from tests.bad_names import NO_NAMES
from tests.studio.test_runs_tab import SHIPPED, Page

# What may stand in a note, which is text, all the same.
NO_NOTES = {"NUL", "escape", "surrogate", "2 MB"}
NO_PLACES = {
    **NO_NAMES, "relative": "adapter", "file": "/etc/passwd", "home": "~no-such-person/adapter", "web": "http://127.0.0.1/",
    "metadata": "http://169.254.169.254/", "file address": "file:///etc", "device": "/dev/zero",
    "far": "/" + "x/" * 5000,
}  # fmt: skip


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    found = Page(tmp_path_factory.mktemp("bad") / "workspace")
    found.has("rularea șapte")
    found.has("a")
    return found


def names(page: Page) -> list[str]:
    return [job.name for job in page.services.jobs.all(page.services.person)]


def in_every_language(services: Services) -> list[Handlers]:
    return [Handlers(services, Words(language)) for language in LANGUAGES]


@pytest.mark.parametrize("name", NO_NAMES.values(), ids=NO_NAMES)
def test_a_run_is_not_renamed_to_what_is_no_name(page: Page, name: str) -> None:
    run = page.services.jobs.find(page.services.person, "a").id
    wrong = page.presses("rename", run, name)["wrong"]
    assert 0 < len(wrong) < 200
    assert names(page) == ["a", "rularea șapte"]


@pytest.mark.parametrize(
    "name", [text for text in NO_NAMES.values() if text], ids=[key for key in NO_NAMES if NO_NAMES[key]]
)
def test_an_import_is_not_called_what_is_no_name_and_says_so_at_the_name(page: Page, name: str) -> None:
    shipped = str(page.services.folder(SHIPPED[0].id).adapter)
    for handlers in in_every_language(page.services):
        for source, where in (("folder", shipped), ("hub", "ana/romanian")):
            refused_at_the_name(handlers.import_typed(source, where, name) if name.strip() else None)
    assert names(page) == ["a", "rularea șapte"]


def test_an_archive_is_not_kept_under_what_is_no_name(page: Page, tmp_path: Path) -> None:
    for number, name in enumerate(text for text in NO_NAMES.values() if text.strip()):
        archive = tmp_path / f"{number}.zip"
        with zipfile.ZipFile(archive, "w") as opened:
            for path in page.services.folder(SHIPPED[0].id).adapter.iterdir():
                if path.suffix != ".safetensors":
                    opened.write(path, path.name)
        said = page.handlers.import_zip(str(archive), name)
        assert said.answer == ""
        assert said.name_said or said.said
        assert not archive.exists()
    assert names(page) == ["a", "rularea șapte"]


def refused_at_the_name(said: Imported | None) -> None:
    if said is not None:
        assert 0 < len(said.name_said) < 200
        assert (said.said, said.answer) == ("", "")
        assert said.name == said.where == {"__type__": "update"}


@pytest.mark.parametrize("where", NO_PLACES.values(), ids=NO_PLACES)
def test_nothing_is_imported_from_what_is_no_place_and_it_stays_typed(page: Page, where: str) -> None:
    for handlers in in_every_language(page.services):
        # "a/b" may well be on the Hub.
        for source in ("folder", "hub") if where != "a/b" else ("folder",):
            said = handlers.import_typed(source, where, "")
            assert 0 < len(said.said) < 400
            assert (said.name_said, said.answer) == ("", "")
            assert said.name == said.where == {"__type__": "update"}
    assert names(page) == ["a", "rularea șapte"]


@pytest.mark.parametrize("key", NO_NAMES)
def test_a_note_is_kept_to_the_letter_or_refused_whole(page: Page, key: str) -> None:
    run = page.services.jobs.find(page.services.person, "a").id
    page.presses("note", run, "before")
    said = page.presses("note", run, NO_NAMES[key])
    if key in NO_NOTES:
        assert 0 < len(said["wrong"]) < 200
        assert page.services.run(run).note == "before"
    else:
        assert said["line"]["note"] == page.services.run(run).note == NO_NAMES[key]


def test_the_log_is_searched_for_anything(page: Page) -> None:
    app = FastAPI()
    add_routes(app, Live(page.services))
    client = TestClient(app)
    for text in NO_NAMES.values():
        sent = text[:200].encode("utf-8", "replace").decode()
        assert client.get("/log", params={"run": SHIPPED[0].id, "text": sent}).status_code == 200
