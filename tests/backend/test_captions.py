"""Captions for a folder of pictures: made, taken up again, corrected, and handed on."""

import csv
import io
import json
import zipfile
from pathlib import Path

import pytest
import torch
from PIL import Image

from backend.captions import book, handing, run, submit
from backend.captions.prompts import SENTENCE, templates, usual
from backend.captions.submit import Wanted
from backend.data import datasets
from backend.data import rows as stored
from backend.data.mapping.recognition import recognise
from backend.errors import AccessError, ChatError, DataError, JobError
from backend.jobs.context import JobContext
from backend.jobs.events import Captioned
from backend.jobs.folder import RunFolder
from backend.jobs.model import CHORES, ExitCode, Job
from backend.messages import LANGUAGES
from backend.models import catalogue
from backend.models.catalogue import Model
from backend.paths import Workspace
from backend.people import HOME, Person
from backend.recipes.schema import Recipe
from backend.training.submit import start_training
from backend.worker import RUNNERS
from tests import photos, sights, tiny
from tests.faults.stage import Stage

PROMPT = "What colour is it?"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    torch.set_num_threads(1)
    made = Stage.at(tmp_path_factory.mktemp("captions") / "workspace")
    folder = sights.build("llava", made.workspace.root / "model")
    catalogue.register(HOME, made.workspace, Model(id="", name="eyes", location=str(folder), kind="vision"))
    return made


@pytest.fixture(scope="module")
def model(stage: Stage) -> str:
    return catalogue.find(HOME, stage.workspace, "eyes").id


def album(folder: Path, count: int, *broken: str) -> Path:
    folder.mkdir()
    for at, raw in enumerate(photos.shades(count)):
        (folder / f"{at:03d}.png").write_bytes(raw)
    for name in broken:
        (folder / name).write_bytes(photos.written(photos.drawn())[:60])
    return folder


def begin(stage: Stage, source: Path, model: str, **more: object) -> tuple[Job, RunFolder]:
    wanted = Wanted(model=model, prompt=PROMPT, max_tokens=4, **more)  # type: ignore[arg-type]
    job = submit.start(HOME, stage.jobs, source, wanted)
    return job, stage.jobs.folder(job)


def work(folder: RunFolder, attempt: int = 1) -> int:
    asked = {name: value for name, value in folder.read(folder.request).items() if name != "job"}
    return run.run(JobContext(folder, asked, attempt=attempt))


@pytest.fixture(scope="module")
def done(stage: Stage, model: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, RunFolder]:
    source = album(tmp_path_factory.mktemp("album") / "Vacanță", 12, "z1.png", "z2.jpg", "z3.webp")
    (source / "notes.txt").write_text("no picture")
    (source / "sub").mkdir()
    (source / "sub" / "000.jpg").write_bytes(photos.turned())
    job, folder = begin(stage, source, model)
    assert work(folder) == ExitCode.DONE
    return job, folder


def test_every_picture_has_a_caption_or_is_listed_as_broken(stage: Stage, done: tuple[Job, RunFolder]) -> None:
    job, folder = done
    assert (RUNNERS[job.kind], job.kind in CHORES, job.name) == ("backend.captions.run", True, "Vacanță")
    result = folder.read(folder.result)
    assert result["done"] == 13
    assert [one["name"] for one in result["failed"]] == ["z1.png", "z2.jpg", "z3.webp"]
    entries = book.read(folder)
    assert len({one.name for one in entries}) == 16
    assert '"z1.png" is damaged' in str(next(one for one in entries if one.failed).reason)
    assert all(one.picture and book.thumbnail(folder, one).is_file() for one in entries if not one.failed)
    upright = next(one for one in entries if one.name == "sub/000.jpg")
    with Image.open(folder.path / upright.picture) as picture:
        assert picture.size == (20, 40)
        assert not picture.getexif()
    said = [event for event in folder.said() if isinstance(event, Captioned)]
    assert [event.done for event in said] == list(range(1, 17))
    assert (said[-1].failed, said[-1].eta_seconds) == (3, 0)


def test_an_archive_says_what_its_folder_says(
    stage: Stage, model: str, done: tuple[Job, RunFolder], tmp_path: Path
) -> None:
    source = Path(done[1].read(done[1].request)["source"])
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(source.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(source))
    _, folder = begin(stage, packed, model, called="Vacanță în arhivă")
    assert work(folder) == ExitCode.DONE
    same = {one.name: one.caption for one in book.read(done[1])}
    assert {one.name: one.caption for one in book.read(folder)} == same


def test_a_stop_is_heard_and_the_rest_is_made_later(stage: Stage, model: str, tmp_path: Path) -> None:
    _, folder = begin(stage, album(tmp_path / "album", 6), model)
    folder.write(folder.stop, {"save": True})
    assert work(folder) == ExitCode.STOPPED
    folder.stop.unlink()
    (folder.path / book.CAPTIONS).write_text('{"name": "002.png", "caption": "x"}\n{"name": "003.p', encoding="utf-8")
    assert work(folder, attempt=2) == ExitCode.DONE
    entries = book.read(folder)
    assert sorted(one.name for one in entries) == [f"{at:03d}.png" for at in range(6)]
    assert entries[0].caption == "x"
    assert work(folder, attempt=3) == ExitCode.DONE
    assert len(book.read(folder)) == 6


def test_corrections_stand_in_every_file(stage: Stage, done: tuple[Job, RunFolder]) -> None:
    job, folder = done
    book.correct(folder, "000.png", "Un cerc roșu")
    book.correct(folder, "001.png", '=HYPERLINK("x")')
    with pytest.raises(ChatError, match="no picture called"):
        book.correct(folder, "z1.png", "?")
    with pytest.raises(ChatError, match="at most"):
        book.correct(folder, "000.png", "a" * (book.LONGEST + 1))
    assert {one.name for one in book.read(folder) if one.corrected} == {"000.png", "001.png"}
    name, raw = handing.written(HOME, stage.jobs, job.id, "csv")
    table = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"))))
    assert (name, table[0], len(table)) == ("Vacanță.csv", ["picture", "caption"], 14)
    assert table[1:3] == [["000.png", "Un cerc roșu"], ["001.png", '\'=HYPERLINK("x")']]
    _, raw = handing.written(HOME, stage.jobs, job.id, "jsonl")
    first, *_, last = map(json.loads, raw.splitlines())
    asked = {"caption_model": "eyes", "caption_base_model": "eyes", "caption_prompt": PROMPT}
    assert first == {"file_name": "000.png", "text": "Un cerc roșu", **asked, "caption_corrected": "yes"}
    assert last["caption_corrected"] == "no"
    mapping = recognise(list(first), [first, last])
    assert (mapping.shape, mapping.fields) == ("caption", {"image": "file_name", "caption": "text"})
    _, raw = handing.written(HOME, stage.jobs, job.id, "txt")
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        assert archive.read("000.txt").decode() == "Un cerc roșu\n"
        assert "sub/000.txt" in archive.namelist()


def test_they_become_a_data_set_and_corrected_its_next_version(stage: Stage, done: tuple[Job, RunFolder]) -> None:
    job, folder = done
    for at, entry in enumerate(one for one in book.read(folder) if not one.failed):
        book.correct(folder, entry.name, f"Imaginea cu numărul {at}.")
    first = handing.as_data(HOME, stage.jobs, job.id)
    assert (first.shape, first.rows, first.version, first.name) == ("caption", 13, 1, "Vacanță")
    row = next(stored.read(first.path))
    assert (first.path.parent / row["image"]).is_file()
    assert row.pop("image").startswith("pictures/")
    asked = {"caption_model": "eyes", "caption_base_model": "eyes", "caption_prompt": PROMPT}
    assert row == {"caption": "Imaginea cu numărul 0.", **asked, "caption_corrected": "yes"}
    with pytest.raises(DataError):
        handing.as_data(HOME, stage.jobs, job.id)
    book.correct(folder, "000.png", "Alt text.")
    second = handing.as_data(HOME, stage.jobs, job.id)
    assert (second.version, second.parent, second.rows) == (2, first.id, 13)
    assert [one.id for one in datasets.available(HOME, stage.workspace) if one.name == "Vacanță"] == [second.id]


def test_captions_are_trained_on_and_the_run_that_learned_from_them_captions_under_its_name(
    stage: Stage, model: str, tmp_path: Path
) -> None:
    source = album(tmp_path / "album", 12)
    job, folder = begin(stage, source, model)
    assert work(folder) == ExitCode.DONE
    handing.as_data(HOME, stage.jobs, job.id, "Legende")
    wanted = {"objective": "vision", "schedule": {"max_steps": 2}, "lora": {"rank": 2}}
    chosen = {"model": "eyes", "data": "Legende", "name": "Rularea mea"}
    learned = start_training(HOME, stage.jobs, stage.workspace, Recipe.model_validate(wanted), **chosen)
    learning = stage.jobs.folder(learned)
    asked = {name: value for name, value in learning.read(learning.request).items() if name != "job"}
    assert tiny.run(learning.path, asked)[0] == ExitCode.DONE

    job, folder = begin(stage, source, f"run:{learned.id}", label=learned.name)
    assert work(folder) == ExitCode.DONE
    book.correct(folder, "000.png", "Un cerc roșu.")
    rows = list(stored.read(handing.as_data(HOME, stage.jobs, job.id, "Legende noi").path))
    assert {(row["caption_model"], row["caption_base_model"]) for row in rows} == {("Rularea mea", "eyes")}
    assert [row["caption_corrected"] for row in rows] == ["yes"] + 11 * ["no"]


def test_what_cannot_be_captioned_is_said_before_there_is_a_job(stage: Stage, model: str, tmp_path: Path) -> None:
    source = album(tmp_path / "album", 1)
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "a.txt").write_text("x")
    with pytest.raises(ChatError, match=r'The model "starter" reads text only'):
        submit.start(HOME, stage.jobs, source, Wanted(model="starter", prompt="?"))
    with pytest.raises(ChatError, match="no model called"):
        submit.start(Person("ana"), stage.jobs, source, Wanted(model=model, prompt="?"))
    with pytest.raises(ChatError, match="Write what the model should do"):
        submit.start(HOME, stage.jobs, source, Wanted(model=model, prompt=" "))
    with pytest.raises(DataError, match='There are no pictures in "none"'):
        submit.start(HOME, stage.jobs, tmp_path / "none", Wanted(model=model, prompt="?"))
    with pytest.raises(AccessError):
        submit.start(HOME, stage.jobs, tmp_path / "nowhere", Wanted(model=model, prompt="?"))


def test_a_strangers_captions_are_not_there(stage: Stage, done: tuple[Job, RunFolder]) -> None:
    with pytest.raises(AccessError):
        handing.written(Person("ana"), stage.jobs, done[0].id, "csv")
    other = stage.submit("a sum")
    with pytest.raises(JobError, match="no captioning job"):
        handing.written(HOME, stage.jobs, other.id, "csv")


def test_prompts_are_there_in_every_language() -> None:
    found = [templates(language) for language in LANGUAGES]
    assert len({tuple(one) for one in found}) == 1
    assert len({text for one in found for text in one.values()}) == 3 * len(found[0])


def test_a_model_that_understands_few_words_is_asked_in_them(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path).create()
    assert usual(HOME, workspace, "starter-vision", "it") == "Descrivi l'immagine."
    assert usual(HOME, workspace, "starter", "it") == templates("it")[SENTENCE]
