"""The Hub token: outside every workspace, of mode 0600, and in nothing that is written, shown or sent elsewhere."""

import os
import stat
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.errors import AccessError
from backend.hub import credentials, desk
from backend.hub.online.client import Hub
from backend.jobs.model import JobState
from backend.jobs.supervisor.start import environment
from backend.people import HOME, Person
from backend.setup import bundle
from tests.hubserver import world
from tests.hubserver.server import running
from tests.hubserver.world import GOOD, TOKEN, WRONG_TOKEN, World, refusal


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = world.make(tmp_path, monkeypatch)
    made.good.gated, made.good.let_in = "manual", frozenset({TOKEN})
    with running(made.hub) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield made


def holds(folder: Path, secret: str) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [str(path) for path in files if secret.encode() in path.read_bytes()]


def test_a_token_is_kept_outside_the_workspace_for_its_owner_alone(here: World) -> None:
    assert credentials.origin() == ""
    credentials.keep(HOME, f"  {TOKEN}\n")
    path = credentials.place()
    assert (credentials.read(), credentials.origin()) == (TOKEN, "file")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not path.is_relative_to(here.stage.workspace.root)
    credentials.forget(HOME)
    assert (credentials.read(), credentials.origin(), path.exists()) == (None, "", False)
    credentials.forget(HOME)


def test_the_environment_comes_first(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials.keep(HOME, WRONG_TOKEN)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert (credentials.read(), credentials.origin()) == (TOKEN, "environment")


@pytest.mark.parametrize(
    "typed", ["", "hf_", "sk-abcdefghijklmnopqrstuvwxyz", "hf_abc def", "hf_" + "a" * 500, "hf_ă" + "a" * 30]
)
def test_what_is_no_token_is_refused_without_being_repeated(here: World, typed: str) -> None:
    said = refusal(lambda: credentials.keep(HOME, typed))
    assert said.startswith("This is not a token of the Hub")
    assert len(typed) < 4 or typed not in said
    assert not credentials.place().exists()


def test_only_the_person_at_home_keeps_one(here: World) -> None:
    for act in (lambda: credentials.keep(Person("ana"), TOKEN), lambda: credentials.forget(Person("ana"))):
        with pytest.raises(AccessError):
            act()


def test_the_jobs_find_the_settings_where_the_page_wrote_them(here: World) -> None:
    assert environment()["XDG_CONFIG_HOME"] == os.environ["XDG_CONFIG_HOME"]


def test_a_gated_download_leaves_no_trace_of_the_token_anywhere(here: World, tmp_path: Path) -> None:
    credentials.keep(HOME, TOKEN)
    job = here.submit()
    assert here.stage.claims.take(lambda first: first.id == job.id)
    command = here.command(job)
    debugging = environment() | {"HF_DEBUG": "1", "HF_HUB_VERBOSITY": "debug"}
    done = subprocess.run(command, check=False, env=debugging, capture_output=True, timeout=60)
    assert here.stage.job(job).state == JobState.DONE
    assert TOKEN.encode() not in done.stdout + done.stderr
    assert not any(TOKEN in word for word in command)
    here.stage.workspace.logs.joinpath("studio.log").write_bytes(
        b"2026-11-22 10:00:00 INFO hub: Authorization: Bearer " + TOKEN.encode() + b"\n"
    )
    bundle.write(tmp_path / "report.zip", {"token": credentials.origin()}, here.stage.workspace)
    here.stage.workspace.logs.joinpath("studio.log").unlink()
    with zipfile.ZipFile(tmp_path / "report.zip") as archive:
        assert not any(TOKEN.encode() in archive.read(name) for name in archive.namelist())
    here.stage.ledger.close()
    assert holds(here.stage.workspace.root, TOKEN) == []


def test_a_refused_token_is_in_no_sentence_and_no_exception(here: World) -> None:
    credentials.keep(HOME, WRONG_TOKEN)
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it is
        Hub().look(GOOD)
    error: BaseException | None = caught.value
    seen = []
    while error is not None:
        seen.append(f"{error!s} {error!r} {error.args}")
        error = error.__cause__ or error.__context__
    assert len(seen) > 1
    assert not any(WRONG_TOKEN in text for text in seen)
    assert WRONG_TOKEN not in refusal(lambda: desk.look(HOME, GOOD))
    credentials.keep(HOME, TOKEN)
    shown = desk.look(HOME, GOOD)
    assert shown.problem is None
    assert TOKEN not in shown.model_dump_json()


def test_the_process_that_asks_has_no_token_among_its_words(here: World) -> None:
    credentials.keep(HOME, TOKEN)
    assert TOKEN not in " ".join(desk.surroundings().values())
