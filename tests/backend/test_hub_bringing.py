"""Models from this computer: a folder, the cache of huggingface_hub, an upload; and how one is removed again."""

import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.errors import AccessError
from backend.hub import bringing, desk, removal
from backend.hub.offer import Cached
from backend.jobs.model import JobState, NewJob
from backend.models import catalogue
from backend.people import HOME, Person
from tests.hubserver import world
from tests.hubserver.server import files_of, running
from tests.hubserver.world import World, refusal
from tests.tiny_llama import write_model


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = world.make(tmp_path, monkeypatch)
    with running(made.hub) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = write_model(tmp_path / "my model")
    (place / "model.json").unlink()
    return place


def test_a_folder_is_used_where_it_is(here: World, folder: Path) -> None:
    model = bringing.from_folder(HOME, here.stage.workspace, f" {folder} ")
    assert (model.name, model.folder, model.kind) == ("my model", folder, "text")
    assert catalogue.find(HOME, here.stage.workspace, "my model").id == model.id
    assert [path.name for path in (here.stage.workspace.models / model.id).iterdir()] == ["model.json"]
    assert "already here" in refusal(lambda: bringing.from_folder(HOME, here.stage.workspace, str(folder)))


def test_a_folder_that_holds_no_model_says_why(here: World, folder: Path) -> None:
    def said(place: object) -> str:
        return refusal(lambda: bringing.from_folder(HOME, here.stage.workspace, str(place)))

    assert "no folder" in said("/nowhere/at/all")
    assert "no folder" in said("")
    assert "no folder" in said(f"{folder}\0")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert said(folder) == "This model has no safetensors file. For safety only safetensors are loaded."
    (folder / "config.json").write_text('{"model_type": "gpt9"}')
    assert "gpt9" in said(folder)
    (folder / "config.json").unlink()
    assert "config.json is missing" in said(folder)
    with pytest.raises(AccessError):
        bringing.from_folder(Person("ana"), here.stage.workspace, str(folder))
    assert here.nothing_is_taken_for_a_model()


def cache(tmp_path: Path, folder: Path) -> Path:
    """As huggingface_hub lays its cache out: blobs, and links to them by commit."""
    place = tmp_path / "hf" / "hub" / "models--ana--cached"
    snapshot = place / "snapshots" / ("0" * 40)
    (place / "blobs").mkdir(parents=True)
    snapshot.mkdir(parents=True)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("0" * 40)
    for number, path in enumerate(sorted(folder.iterdir())):
        blob = place / "blobs" / f"{number:040d}"
        shutil.copyfile(path, blob)
        (snapshot / path.name).symlink_to(blob)
    return snapshot


def test_a_model_of_the_cache_is_found_and_used_where_it_is(here: World, folder: Path, tmp_path: Path) -> None:
    assert desk.cached(HOME) == []
    snapshot = cache(tmp_path, folder)
    (found,) = desk.cached(HOME)
    assert (found.hub_id, Path(found.folder)) == ("ana/cached", snapshot)
    assert found.size > 100_000
    model = bringing.from_cache(HOME, here.stage.workspace, found)
    assert (model.name, model.source, model.folder) == ("cached", "ana/cached", snapshot)
    gone = Cached(hub_id="ana/gone", folder=str(tmp_path / "gone"), size=1)
    assert "not on this machine" in refusal(lambda: bringing.from_cache(HOME, here.stage.workspace, gone))


def sent(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in folder.iterdir()}


def test_uploaded_files_become_a_model_and_pickles_stay_behind(here: World, folder: Path) -> None:
    (folder / "optimizer.pt").write_bytes(b"pickle")
    model = bringing.from_upload(HOME, here.stage.workspace, sent(folder), "uploaded")
    names = {path.name for path in model.folder.iterdir()}
    assert "optimizer.pt" not in names
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= names
    shutil.rmtree(folder)
    assert catalogue.find(HOME, here.stage.workspace, "uploaded").folder == model.folder
    said = refusal(lambda: bringing.from_upload(HOME, here.stage.workspace, {"config.json": model.folder}, "uploaded"))
    assert "uploaded" in said


def archive(tmp_path: Path, files: dict[str, bytes]) -> dict[str, Path]:
    with zipfile.ZipFile(tmp_path / "model.zip", "w") as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return {"model.zip": tmp_path / "model.zip"}


def test_a_zip_of_a_model_becomes_a_model_and_a_hostile_one_does_not(here: World, folder: Path, tmp_path: Path) -> None:
    files = files_of(folder)
    below = {f"inside/{name}": content for name, content in files.items()} | {"inside/evil.py": b"x"}
    model = bringing.from_upload(HOME, here.stage.workspace, archive(tmp_path, below), "zipped")
    assert {path.name for path in model.folder.iterdir()} == {*files, "model.json"}

    def said(content: dict[str, bytes]) -> str:
        place = archive(tmp_path, content)
        return refusal(lambda: bringing.from_upload(HOME, here.stage.workspace, place, "another"))

    assert "unsafe path" in said(files | {"../../x": b"x"})
    assert "config.json is missing" in said({"readme": b"x"})
    assert "2 models" in said({f"{place}/{name}": content for place in "ab" for name, content in files.items()})
    bare = {name: content for name, content in files.items() if name != "model.safetensors"}
    assert "no safetensors" in said(bare | {"pytorch_model.bin": b"x"})
    assert "Choose the files" in refusal(lambda: bringing.from_upload(HOME, here.stage.workspace, {}, "another"))
    assert len(here.models()) == 1
    assert not [path for path in here.stage.workspace.root.iterdir() if path.name.startswith(".incoming")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<!DOCTYPE html><html>Log in</html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "only a Git LFS pointer"),
        ((2**60).to_bytes(8, "little") + bytes(100), "damaged"),
    ],
)
def test_an_upload_that_is_something_else_is_told_by_what_it_is(
    here: World, folder: Path, content: bytes, said: str
) -> None:
    (folder / "model.safetensors").write_bytes(content)
    assert said in refusal(lambda: bringing.from_upload(HOME, here.stage.workspace, sent(folder), "uploaded"))
    assert here.nothing_is_taken_for_a_model()


# Removal


def trained_on(here: World, model: catalogue.Model, name: str) -> str:
    request = {"model": model.model_dump(mode="json")}
    return here.stage.jobs.submit(HOME, NewJob("train", name, request)).id


def test_removing_says_what_it_frees_and_which_runs_need_it(here: World, folder: Path) -> None:
    model = bringing.from_upload(HOME, here.stage.workspace, sent(folder), "uploaded")
    run = trained_on(here, model, "learns")
    other = trained_on(here, catalogue.find(HOME, here.stage.workspace, "starter"), "other")
    found = removal.consequences(HOME, here.stage.jobs, model.id)
    assert found.frees == sum(path.stat().st_size for path in model.folder.iterdir())
    assert [job.id for job in found.runs] == [job.id for job in found.busy] == [run] != [other]
    said = refusal(lambda: removal.delete(HOME, here.stage.jobs, model.id))
    assert said == 'The run "learns" needs "uploaded" and has not ended. Stop it first.'
    assert here.stage.jobs.stop(HOME, run).state == JobState.STOPPED
    assert [job.id for job in removal.delete(HOME, here.stage.jobs, model.id).runs] == [run]
    assert here.nothing_is_taken_for_a_model()
    assert not list(here.stage.workspace.trash.iterdir())


def test_an_adapter_that_names_the_model_needs_it_too(here: World, folder: Path) -> None:
    model = bringing.from_folder(HOME, here.stage.workspace, str(folder))
    job = here.stage.submit("imported")
    place = here.stage.jobs.folder(job).adapter
    place.mkdir()
    (place / "studio.json").write_text(json.dumps({"base": {"id": model.id}}))
    assert [run.id for run in removal.consequences(HOME, here.stage.jobs, model.id).runs] == [job.id]


def test_removing_a_model_that_lies_elsewhere_leaves_its_files(here: World, folder: Path) -> None:
    model = bringing.from_folder(HOME, here.stage.workspace, str(folder))
    found = removal.delete(HOME, here.stage.jobs, model.id)
    assert (found.frees, found.in_place) == (0, True)
    assert (folder / "model.safetensors").is_file()
    assert here.nothing_is_taken_for_a_model()


def test_what_ships_and_what_is_somebody_elses_stays(here: World, folder: Path) -> None:
    model = bringing.from_folder(HOME, here.stage.workspace, str(folder))
    assert "comes with the studio" in refusal(lambda: removal.delete(HOME, here.stage.jobs, "starter"))
    for person, wanted in ((Person("ana"), model.id), (HOME, "no such id"), (HOME, "../models")):
        with pytest.raises(AccessError):
            removal.delete(person, here.stage.jobs, wanted)
    assert len(here.models()) == 1
