"""What was seen of pictures is kept: the same to the last bit, only where nothing has changed, and never too much."""

import random
from pathlib import Path

import pytest
import torch
from PIL import Image

from backend.sight.kept import Kept, fingerprint, read, size
from backend.sight.looker import Looker
from tests import sights, tiny
from tests.backend.test_sight_training import losses, request


def picture(folder: Path, name: str) -> Path:
    path = folder / name
    Image.frombytes("RGB", (8, 8), random.Random(name).randbytes(192)).save(path)
    return path


def features(seed: int) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    return {"seen": torch.randn(4, 8), "deep.0": torch.randn(4, 8).bfloat16(), "grid": torch.tensor([1, 2, 2])}


def test_what_is_read_back_is_what_was_seen_and_damage_is_noticed(tmp_path: Path) -> None:
    kept, one = Kept(tmp_path / "kept", "a"), picture(tmp_path, "1.png")
    seen = kept.features(one, lambda: features(1))
    again = kept.features(one, lambda: pytest.fail("looked twice"))
    assert set(again) == set(seen)
    assert all(torch.equal(again[name], seen[name]) and again[name].dtype == seen[name].dtype for name in seen)
    [file] = (tmp_path / "kept").glob("*/*")
    raw = bytearray(file.read_bytes())
    for damaged in (raw[:-1], raw[:-3] + b"\0\1\2", b"", b"nonsense"):
        file.write_bytes(damaged)
        assert read(file) is None
        assert torch.equal(kept.features(one, lambda: features(1))["seen"], seen["seen"])
    assert (kept.hits, kept.misses) == (1, 5)


def test_another_picture_and_other_eyes_are_looked_at(tmp_path: Path) -> None:
    one, other = picture(tmp_path, "1.png"), picture(tmp_path, "2.png")
    first = Kept(tmp_path / "kept", "a")
    first.features(one, lambda: features(1))
    first.features(other, lambda: features(2))
    second = Kept(tmp_path / "kept", "b")
    assert torch.equal(second.features(one, lambda: features(3))["seen"], features(3)["seen"])
    assert (first.misses, second.misses) == (2, 1)


def test_a_model_that_differs_has_other_eyes(tmp_path: Path) -> None:
    model = tiny.make_model(tmp_path / "model")
    before = fingerprint(model, "fp32")
    assert fingerprint(model, "fp32") == before != fingerprint(model, "bf16")
    (model / "preprocessor_config.json").write_text("{}")
    changed = fingerprint(model, "fp32")
    assert changed != before
    weights = bytearray((model / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (model / "model.safetensors").write_bytes(weights)
    assert fingerprint(model, "fp32") not in (before, changed)


def test_there_is_never_more_than_allowed_and_what_was_wanted_last_stays(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "kept", "a", most=3000)
    every = [picture(tmp_path, f"{at}.png") for at in range(30)]
    for at, path in enumerate(every):
        kept.features(path, lambda at=at: features(at))  # type: ignore[misc]
        kept.features(every[0], lambda: features(0))
        assert size(tmp_path / "kept") <= 3000
    assert kept.hits >= 30
    small = Kept(tmp_path / "kept", "c", most=10)
    assert torch.equal(small.features(every[0], lambda: features(7))["seen"], features(7)["seen"])


def test_a_full_disk_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    kept, one = Kept(tmp_path / "kept", "a"), picture(tmp_path, "1.png")
    monkeypatch.setattr(Path, "write_bytes", full)
    assert torch.equal(kept.features(one, lambda: features(1))["seen"], features(1)["seen"])


@pytest.mark.parametrize("family", ["llava_next", "qwen3_vl", "mllama"])
def test_a_run_loses_the_same_with_and_without(tmp_path: Path, family: str) -> None:
    asked = request(tmp_path, family, schedule={"max_steps": 3})
    folder = tmp_path / "workspace" / "runs"
    folder.mkdir(parents=True)
    found = []
    for at, keep in enumerate((False, True, True)):
        asked["recipe"]["vision"] = {"keep": keep}
        _, said = tiny.run(folder / str(at), asked)
        found.append(losses(said))
        assert (size(tmp_path / "workspace" / "features") > 0) == keep
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 3


def test_what_was_read_back_stands_where_what_was_just_seen_does() -> None:
    """On a card one of two pictures of a row comes from the disk; no card is needed to see where they are put."""
    elsewhere = torch.device("meta")
    back, fresh = features(1), {name: value.to(elsewhere) for name, value in features(2).items()}
    tokens = torch.zeros(1, 20, dtype=torch.long, device=elsewhere)
    given = Looker(sights.llava()[0]).given(tokens, [[back], [fresh]], [10, 10])
    placed = given["mm_encoder_outputs"]["image"]
    found = [*placed.pooler_output, *(value for layer in placed.deepstack_features for value in layer)]
    assert {value.device for value in found} == {elsewhere}
