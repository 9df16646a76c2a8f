"""Uploading a model, and the list of models in the Train form."""

import shutil
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from studio.tabs.models import Handlers
from studio.text import Words
from studio.widgets import train_form
from tests.fakes import FakeServices
from tests.tiny_llama import write_model


@pytest.fixture
def handlers(services: FakeServices, monkeypatch: pytest.MonkeyPatch) -> Handlers:
    monkeypatch.setenv("STUDIO_DISK_FLOOR_BYTES", "0")
    return Handlers(services.my_models, Words("en"))


def sent(folder: Path, *but: str) -> list[str]:
    """The files of a model as Gradio hands them over: each in a folder of its own."""
    write_model(folder / "made")
    found = []
    for path in sorted((folder / "made").iterdir()):
        if path.name not in ("model.json", *but):
            place = folder / path.stem / path.name
            place.parent.mkdir(exist_ok=True)
            found.append(str(shutil.copy(path, place)))
    return found


def test_the_files_of_a_model_become_one(handlers: Handlers, tmp_path: Path) -> None:
    files = sent(tmp_path)
    made = handlers.upload(files, " mine ")
    assert (made.files, made.name, made.added) == (None, "", "mine")
    assert "“mine” is here now." in made.said
    (model,) = [one for one in handlers.services.models() if not one.shipped]
    assert (model.name, model.kind) == ("mine", "text")
    assert not any(Path(file).exists() for file in files)


def test_an_archive_names_itself(handlers: Handlers, tmp_path: Path) -> None:
    write_model(tmp_path / "made")
    with zipfile.ZipFile(tmp_path / "my model.zip", "w") as archive:
        for path in (tmp_path / "made").iterdir():
            if path.name != "model.json":
                archive.write(path, path.name)
    assert handlers.upload([str(tmp_path / "my model.zip")], "").added == "my model"


@pytest.mark.parametrize(
    ("name", "at", "without", "said"),
    [
        ("", "model-name-field", (), ""),
        ("a/b", "model-name-field", (), "/"),
        ("fine", "model-files", ("model.safetensors",), "holds no weights"),
        ("fine", "model-files", ("config.json",), "config.json is missing"),
        ("fine", "model-files", ("tokenizer.json",), "no tokenizer"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_the_files_stay(
    handlers: Handlers, tmp_path: Path, name: str, at: str, without: tuple[str, ...], said: str
) -> None:
    files = sent(tmp_path, *without)
    told = handlers.upload(files, name)
    assert f'data-at="{at}"' in told.said
    assert said in told.said
    assert told.added == ""
    assert all(Path(file).exists() for file in files)
    assert not [one for one in handlers.services.models() if not one.shipped]


def test_weights_that_could_run_a_program_are_refused(handlers: Handlers, tmp_path: Path) -> None:
    files = sent(tmp_path, "model.safetensors")
    for name in ("pytorch_model.bin", "model.pt"):
        (tmp_path / name).write_bytes(b"\x80\x04")
        told = handlers.upload([*files, str(tmp_path / name)], "fine")
        assert "For safety only safetensors are loaded" in told.said
    assert "Choose the files" in handlers.upload(None, "fine").said


def test_train_offers_what_can_be_trained_and_takes_what_was_chosen_elsewhere(services: FakeServices) -> None:
    form = train_form.Handlers(services, Words("en"))  # type: ignore[arg-type]
    event: Any = SimpleNamespace(id="")
    assert "value" not in form.other_models(event)
    event.id = "starter"
    assert form.other_models(event)["value"] == "starter"
    event.id = "gone"
    update = form.other_models(event)
    assert (update["choices"], "value" in update) == ([("Starter, 2 million", "starter")], False)
