"""Settings, models and adapters that are wrong, as a person brings them: one sentence, a status, nothing begun."""

import json
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.cli.__main__ import main
from backend.hub import bringing
from backend.jobs.service import Jobs
from backend.ledger.store import Ledger
from backend.models import catalogue
from backend.paths import SHIPPED_MODELS, Workspace
from backend.people import HOME
from backend.setup import commands
from tests.backend.test_models_files import adapter, base, lora, refusal

Said = tuple[int, dict[str, Any], str]


class Person:
    """Somebody at the command line of an empty studio."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.workspace, self.capsys = Workspace(root).create(), capsys

    def says(self, *words: str) -> Said:
        code = main([*words, "--workspace", str(self.workspace.root), "--json"])
        said = self.capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return code, json.loads(said.out.strip().splitlines()[-1]), said.err

    def has_nothing(self) -> bool:
        jobs = Jobs(Ledger(self.workspace.ledger), self.workspace)
        left = list(self.workspace.root.glob(".incoming-*"))
        return not jobs.all(HOME) and not list(self.workspace.runs.iterdir()) and not left


@pytest.fixture
def person(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Person:
    return Person(tmp_path / "workspace", capsys)


SETTINGS = [
    ("64 batch 0", ["batch.size=0"], "must be"),
    ("64 epochs -1", ["schedule.epochs=-1"], "must be"),
    ("64 no steps", ["schedule.max_steps=0"], "must be"),
    ("65 rank 0", ["lora.rank=0"], "Rank must be 1–"),
    ("65 rank -3", ["lora.rank=-3"], "Rank must be 1–"),
    ("65 rank 10000", ["lora.rank=10000"], "Rank must be 1–"),
    ("65 dropout", ["lora.dropout=1.5"], "must be"),
    ("66 length", ["batch.max_length=1000000000"], "must be"),
]


@pytest.mark.parametrize(("changes", "sentence"), [row[1:] for row in SETTINGS], ids=[row[0] for row in SETTINGS])
def test_a_setting_out_of_bounds_starts_nothing(person: Person, changes: list[str], sentence: str) -> None:
    code, said, _ = person.says("train", "starter-lora", "--set", *changes)
    assert (code, sentence in said["error"], person.has_nothing()) == (commands.FAILED, True, True), said


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def holds(content: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / "model.safetensors").write_bytes(content) and None


def has(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


def broken(folder: Path) -> None:
    (folder / "config.json").write_text("{not json")


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 9\n"
MODELS: list[tuple[str, Callable[[Path], None], str]] = [
    ("67 pickle", pickled, "This model has no safetensors file. For safety only safetensors are loaded."),
    ("68 own code", has(auto_map={"AutoModelForCausalLM": "evil.Model"}),
     "This model contains its own program code, which is not run here."),
    ("69 web page", holds(b"<!DOCTYPE html><html>login</html>"),
     "The file is a web page, not a model. The download probably needed a login."),
    ("70 pointer", holds(POINTER), "The file is only a Git LFS pointer (126 bytes). Download the real file."),
    ("71 header", holds(struct.pack("<Q", 2**60) + b"{}"), "The model file is damaged."),
    ("72 no JSON", broken, "config.json is not valid JSON (line 1)."),
    ("73 unknown type", has(model_type="gpt9"), 'Model type "gpt9" is not supported by this version (transformers 5.'),
    ("74 too wide", has(hidden_size=10**7, intermediate_size=10**6, num_attention_heads=10), "The model would need "),
    ("75 no layers", has(num_hidden_layers=-1), "config.json: num_hidden_layers must be ≥ 1."),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "sentence"), [row[1:] for row in MODELS], ids=[row[0] for row in MODELS])
def test_a_wrong_model_is_neither_trained_nor_added(
    person: Person, tmp_path: Path, spoil: Callable[[Path], None], sentence: str
) -> None:
    folder = base(tmp_path / "theirs").folder
    for path in (SHIPPED_MODELS / "starter").glob("tokenizer*"):
        shutil.copy(path, folder)
    spoil(folder)
    code, said, _ = person.says("train", "starter-lora", "--model", str(folder))
    assert (code, said["error"].startswith(sentence)) == (commands.FAILED, True), said
    added = refusal(lambda: bringing.from_folder(HOME, person.workspace, str(folder)))
    # Told of a folder that is to be added: which one it is, where only pickles are in it.
    assert added.startswith(sentence) or "For safety only safetensors are loaded" in added
    assert (person.has_nothing(), list(person.workspace.models.iterdir())) == (True, [])


ADAPTERS: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("76 not a number", {"fill": np.nan}, {},
     "The adapter contains invalid numbers (NaN) in 8 of 8 tensors. It was probably damaged by a diverged training."),
    ("77 other base", {"hidden": 16, "inner": 24}, {},
     'This adapter was made for "tiny". The loaded model is "tiny".'),
    ("78 no such layers", {}, {"target_modules": ["nope"]},
     'The layers "nope" do not exist in this model. Available: q_proj, k_proj'),
    ("79 unknown kind", {}, {"peft_type": "EVIL"}, 'Adapter type "EVIL" is not supported.'),
    ("80 far base", {}, {"base_model_name_or_path": "evil/repo"},
     'The base model "evil/repo" is not installed here.'),
    ("80 place of somebody", {}, {"base_model_name_or_path": "/home/somebody/model"},
     'The base model "/home/somebody/model" is not installed here.'),
]  # fmt: skip


@pytest.mark.parametrize(("sizes", "config", "sentence"), [row[1:] for row in ADAPTERS], ids=[r[0] for r in ADAPTERS])
def test_a_wrong_adapter_is_not_imported(
    person: Person, tmp_path: Path, sizes: dict[str, Any], config: dict[str, Any], sentence: str
) -> None:
    catalogue.bring(HOME, person.workspace, str(base(tmp_path / "tiny").folder))
    folder = adapter(tmp_path / "theirs", lora(**sizes), **config)
    packed = shutil.make_archive(str(tmp_path / "sent"), "zip", folder)
    code, said, _ = person.says("import", packed)
    assert (code, said["error"].startswith(sentence)) == (commands.FAILED, True), said
    assert person.has_nothing()


def test_a_sound_adapter_is_imported_by_the_same_way(person: Person, tmp_path: Path) -> None:
    """What the refusals above would be worth nothing without."""
    catalogue.bring(HOME, person.workspace, str(base(tmp_path / "tiny").folder))
    packed = shutil.make_archive(str(tmp_path / "sent"), "zip", adapter(tmp_path / "theirs", lora()))
    code, said, _ = person.says("import", packed)
    assert (code, said["run"]) == (commands.DONE, "sent")


def test_a_zip_that_is_no_zip_is_said(person: Person, tmp_path: Path) -> None:
    (tmp_path / "sent.zip").write_bytes(b"PK\x03\x04 and nothing more")
    code, said, _ = person.says("import", str(tmp_path / "sent.zip"))
    assert (code, said["key"], person.has_nothing()) == (commands.FAILED, "models.import_not_zip", True)
    assert not zipfile.is_zipfile(tmp_path / "sent.zip")
