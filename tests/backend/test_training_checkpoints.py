"""Checkpoints are whole or not there, and are never used when a bit of them has changed."""

import json

import pytest

from backend.errors import JobError
from backend.training import checkpoints as module
from backend.training.checkpoints import Checkpoints, Damaged, Identity

FILES = {"adapter_model.safetensors": b"weights" * 50, "optimizer.pt": b"moments" * 40, "rng_state.pth": b"dice"}
PARTS = {"recipe": {"lora.rank": "8", "batch.size": "4"}, "data": {"data": "aa"}, "model": {"weights": "bb"}}


def _write(folder):
    for name, content in FILES.items():
        (folder / name).write_bytes(content)


@pytest.fixture
def kept(tmp_path):
    """Checkpoints 10, 20 and 30, of which two are kept."""
    found = Checkpoints(tmp_path / "checkpoints", Identity(PARTS, {"torch": "1"}), keep=2)
    for step in (10, 20, 30):
        found.save(step, _write)
    return found


def test_only_the_newest_are_kept(kept):
    assert sorted(path.name for path in kept.folder.iterdir()) == ["checkpoint-20", "checkpoint-30"]
    newest, damaged = kept.newest()
    assert (newest.step, damaged) == (30, [])


@pytest.mark.parametrize("name", [*FILES, "MANIFEST.json"])
def test_a_flipped_bit_in_any_file_is_found_and_the_checkpoint_before_is_used(kept, name):
    path = kept.folder / "checkpoint-30" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    newest, damaged = kept.newest()
    assert newest.step == 20
    assert [bad.step for bad in damaged] == [30]
    if name != "MANIFEST.json":
        assert damaged == [Damaged(30, name)]
    assert (kept.folder / "damaged-30").is_dir()


@pytest.mark.parametrize("harm", ["delete", "truncate", "empty", "add"])
@pytest.mark.parametrize("name", [*FILES, "MANIFEST.json"])
def test_a_missing_short_or_extra_file_is_found(kept, name, harm):
    path = kept.folder / "checkpoint-30" / name
    if harm == "delete":
        path.unlink()
    elif harm == "add":
        path.with_name("extra.pt").write_bytes(b"x")
    else:
        path.write_bytes(path.read_bytes()[: len(path.read_bytes()) // 2] if harm == "truncate" else b"")
    newest, damaged = kept.newest()
    assert (newest.step, damaged[0].step) == (20, 30)


def test_with_every_checkpoint_damaged_there_is_none(kept):
    for step in (20, 30):
        (kept.folder / f"checkpoint-{step}" / "optimizer.pt").unlink()
    assert kept.newest() == (None, [Damaged(30, "optimizer.pt"), Damaged(20, "optimizer.pt")])


def test_a_checkpoint_damaged_twice_is_put_aside_twice(kept):
    for _ in range(2):
        kept.save(40, _write)
        (kept.folder / "checkpoint-40" / "optimizer.pt").unlink()
        assert kept.newest()[0].step == 30
    assert {path.name for path in kept.folder.glob("damaged-*")} == {"damaged-40", "damaged-40-2"}


def test_what_was_cut_short_while_saving_is_no_checkpoint(kept):
    def die(folder):
        _write(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept.save(40, die)
    assert kept.newest()[0].step == 30
    kept.save(40, _write)
    assert kept.newest()[0].step == 40


def test_the_old_checkpoints_are_removed_only_when_the_new_one_is_there(kept, monkeypatch):
    monkeypatch.setattr(module, "sync_folder", lambda folder: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(OSError, match="No space left"):
        kept.save(40, _write)
    assert {path.name for path in kept.folder.glob("checkpoint-*")} == {"checkpoint-20", "checkpoint-30"}


@pytest.mark.parametrize(
    ("part", "value", "sentence"),
    [
        ("recipe", {"lora.rank": "16", "batch.size": "4"}, "other settings (lora.rank)"),
        ("data", {"data": "other"}, "other training rows"),
        ("model", {"weights": "other"}, "another base model"),
    ],
)
def test_a_checkpoint_of_another_recipe_data_set_or_model_is_refused_by_name(kept, part, value, sentence):
    other = Checkpoints(kept.folder, Identity({**PARTS, part: value}, {}), keep=2)
    with pytest.raises(JobError) as refused:
        other.newest()
    assert sentence in str(refused.value)


def test_the_manifest_names_hashes_parts_and_versions(kept):
    manifest = json.loads((kept.folder / "checkpoint-30" / "MANIFEST.json").read_text(encoding="utf-8"))
    assert set(manifest["files"]) == set(FILES)
    assert manifest["parts"] == PARTS
    assert manifest["versions"] == {"torch": "1"}
