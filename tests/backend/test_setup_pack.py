"""A pack is used only when every file of it is the one that was saved."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.errors import SetupError
from backend.setup import pack
from backend.setup.environment import Environment


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """A pack with a wheel and a model, its manifest written as `make` writes it."""
    folder = tmp_path / "usb"
    (folder / "wheels").mkdir(parents=True)
    (folder / "wheels/leaf-1.0-py3-none-any.whl").write_bytes(b"leaf")
    (folder / "models/starter").mkdir(parents=True)
    (folder / "models/starter/config.json").write_text("{}")
    pack.write_manifest(folder)
    return folder


def test_a_whole_pack_is_accepted_among_other_files_of_the_disk(packed: Path) -> None:
    (packed / "holiday.jpg").write_bytes(b"")
    (packed / "wheels/.DS_Store").write_bytes(b"")
    pack.verify(packed)


def change(folder: Path) -> None:
    (folder / "wheels/leaf-1.0-py3-none-any.whl").write_bytes(b"LEAF")


def remove(folder: Path) -> None:
    (folder / "models/starter/config.json").unlink()


def add(folder: Path) -> None:
    (folder / "wheels/twig-1.0-py3-none-any.whl").write_bytes(b"not from the pack")


@pytest.mark.parametrize(
    ("harm", "file"),
    [
        (change, "wheels/leaf-1.0-py3-none-any.whl"),
        (remove, "models/starter/config.json"),
        (add, "wheels/twig-1.0-py3-none-any.whl"),
    ],
)
def test_a_pack_that_changed_is_refused_by_the_file_that_did(
    packed: Path, harm: Callable[[Path], None], file: str
) -> None:
    harm(packed)
    with pytest.raises(SetupError, match=f"is damaged: {file} is missing, changed or not from the pack"):
        pack.verify(packed)


@pytest.mark.parametrize("text", [None, "", "[]", '{"for": "x"}', '{"files": 3, "for": "x"}'])
def test_a_folder_that_is_no_pack_is_told_how_to_become_one(packed: Path, text: str | None) -> None:
    (packed / pack.MANIFEST).unlink()
    if text is not None:
        (packed / pack.MANIFEST).write_text(text)
    with pytest.raises(SetupError, match="is not a whole pack"):
        pack.verify(packed)


def test_a_pack_for_another_machine_is_refused(packed: Path) -> None:
    manifest = json.loads((packed / pack.MANIFEST).read_text())
    manifest["for"] = "win32 amd64, Python 3.12"
    (packed / pack.MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(SetupError, match=f"is for win32 amd64, Python 3.12; this machine is {sys.platform}"):
        pack.verify(packed)


def test_of_two_versions_the_one_saved_last_stays(packed: Path) -> None:
    newer = packed / "wheels/leaf-1.1-py3-none-any.whl"
    newer.write_bytes(b"newer")
    pack.drop_superseded(packed / "wheels")
    assert list((packed / "wheels").iterdir()) == [newer]


def test_models_of_the_clone_are_never_replaced(packed: Path, tmp_path: Path) -> None:
    clone = Environment(tmp_path / "clone")
    own = clone.root / pack.MODELS / "starter"
    own.mkdir(parents=True)
    (own / "config.json").write_text("mine")
    pack.restore_models(clone, packed)
    assert (own / "config.json").read_text() == "mine"
