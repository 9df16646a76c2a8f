"""`launch.py ask` and `caption`: from the command line to the last line of JSON."""

import json
from pathlib import Path

import pytest

from backend.captions import book, submit
from backend.captions.submit import Wanted
from backend.cli import pictures
from backend.cli.__main__ import main
from backend.cli.headless import open_jobs
from backend.errors import JobError
from backend.jobs.model import Job, JobState, NewJob
from backend.jobs.service import Jobs
from backend.models import catalogue
from backend.models.catalogue import Model
from backend.paths import Workspace
from backend.people import HOME
from backend.setup import commands
from tests import photos, sights

KEPT = '{"name": "2.png", "caption": "made before"}\n'


@pytest.fixture
def place(tmp_path: Path) -> list[str]:
    workspace = Workspace(tmp_path / "workspace").create()
    folder = sights.build("llava", tmp_path / "model")
    catalogue.register(HOME, workspace, Model(id="", name="eyes", location=str(folder), kind="vision"))
    return ["--workspace", str(workspace.root), "--json"]


@pytest.mark.slow
def test_pictures_are_asked_about_and_captioned(
    place: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    album = tmp_path / "album"
    album.mkdir()
    for at, raw in enumerate([*photos.shades(3), b"no picture"]):
        (album / f"{at}.png").write_bytes(raw)
    two = [str(album / "0.png"), str(album / "1.png")]
    assert main(["ask", "eyes", *two, "What colour?", "--max-tokens", "5", *place]) == commands.DONE
    assert isinstance(json.loads(capsys.readouterr().out.splitlines()[-1])["reply"], str)
    assert main(["caption", "eyes", str(album), "--max-tokens", "5", *place]) == commands.DONE
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["done"], [one["picture"] for one in told["failed"]]) == (3, ["3.png"])
    assert len(Path(told["captions"]).read_text(encoding="utf-8").splitlines()) == 4


def stopped(place: list[str], album: Path) -> tuple[Jobs, Job]:
    """Captions for six pictures that were stopped after the first one, in the middle of the second's line."""
    jobs = open_jobs(Path(place[1]))
    album.mkdir()
    for at, raw in enumerate(photos.shades(6)):
        (album / f"{at}.png").write_bytes(raw)
    model = catalogue.find(HOME, jobs.workspace, "eyes").id
    job = submit.start(HOME, jobs, album, Wanted(model=model, prompt="What?", max_tokens=4))
    job = jobs.stop(HOME, job.id)
    (jobs.folder(job).path / book.CAPTIONS).write_text(KEPT + '{"name": "3.p', encoding="utf-8")
    return jobs, job


@pytest.mark.slow
def test_what_was_captioned_is_kept_when_a_stopped_job_goes_on(
    place: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, job = stopped(place, tmp_path / "album")
    assert main(["caption", "--resume", job.name, *place]) == commands.DONE
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["job"], told["done"], told["failed"]) == (job.name, 6, [])
    made = Path(told["captions"]).read_text(encoding="utf-8")
    assert made.startswith(KEPT)
    assert len(made.splitlines()) == 6
    assert main(["caption", "--resume", job.id, *place]) == commands.DONE
    assert Path(told["captions"]).read_text(encoding="utf-8") == made


def test_only_captions_that_were_stopped_are_queued_again(place: list[str], tmp_path: Path) -> None:
    jobs, job = stopped(place, tmp_path / "album")
    assert 'caption --resume "album"' in pictures.story(job, pictures.summary(jobs, job))
    again = pictures.again(jobs, "album")
    assert (again.id, again.state) == (job.id, JobState.QUEUED)
    assert pictures.again(jobs, job.id).state == JobState.QUEUED
    other = jobs.submit(HOME, NewJob("count", "a sum", {}))
    with pytest.raises(JobError, match="no captioning job"):
        pictures.again(jobs, other.name)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "or --resume JOB"),
        ("eyes", "or --resume JOB"),
        ("eyes album --resume x", "name nothing beside"),
        ("--resume x --language ro", "name nothing beside"),
    ],
)
def test_new_captions_and_old_ones_are_not_asked_for_at_once(
    words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        commands.read(["caption", *words.split()])
    assert ended.value.code == commands.USAGE
    assert said in capsys.readouterr().err


def test_what_cannot_be_shown_is_said(place: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(*words: str) -> str:
        assert main([*words, *place]) == commands.FAILED
        return str(json.loads(capsys.readouterr().out)["key"])

    page = tmp_path / "page.png"
    page.write_bytes(b"<!doctype html>")
    assert refused("ask", "eyes", str(tmp_path / "none.png"), "What?") == "chat.no_file"
    assert refused("ask", "eyes", str(page), "What?") == "pictures.looks_like"
    assert refused("caption", "starter", str(tmp_path)) == "chat.no_eyes"
    assert refused("caption", "eyes", str(tmp_path / "nowhere")) == "not found"
    assert refused("caption", "nobody", str(tmp_path)) == "not found"
