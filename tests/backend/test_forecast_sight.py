"""What pictures need, foreseen from a model's files: against the towers themselves, for every family."""

import json
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from backend.data.datasets import Dataset
from backend.forecast import lengths, prior
from backend.forecast.besides import sight
from backend.forecast.estimate import estimate
from backend.forecast.model import Forecast
from backend.hardware import this_machine
from backend.models.facts import facts
from backend.models.sight.config import TOWERS
from backend.models.sight.tower import patches
from backend.recipes.schema import Recipe
from backend.sight.eyes import Eyes
from backend.sight.load import load_model, load_processor
from backend.sight.looker import Looker
from backend.training.network.adapter import prepare
from tests import sights

SIZES = ((64, 64), (100, 40), (33, 90))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("towers")


@cache
def built(place: Path, family: str) -> Path:
    return sights.build(family, place / family)


def recipe(**vision: bool) -> Recipe:
    return Recipe.model_validate({"objective": "vision", "lora": {"rank": 4}, "vision": vision})


def through(base: Any, processor: Any, size: tuple[int, int]) -> int:
    """Patches that leave the first block of the tower when it looks at a picture of this size."""
    towers = (one for name, one in base.named_modules() if name.split(".")[-1] in TOWERS)
    block = next(one for name, one in next(towers).named_modules() if name.split(".")[-1] == "0")
    given: list[int] = []

    def count(_: Any, __: Any, result: Any) -> None:
        left = result[0] if isinstance(result, tuple) else result
        given.append(left.numel() // left.shape[-1])

    hook = block.register_forward_hook(count)
    with torch.no_grad():
        Looker(base).features(Eyes(processor).inputs(Image.new("RGB", size)))
    hook.remove()
    return given[0]


@pytest.mark.parametrize("family", sights.FAMILIES)
def test_as_many_patches_go_through_a_tower_as_foreseen(place: Path, family: str) -> None:
    folder = built(place, family)
    foreseen, base, processor = patches(folder), load_model(folder, "sdpa"), load_processor(folder)
    assert foreseen is not None
    assert [through(base, processor, size) for size in SIZES] == [foreseen(size) for size in SIZES]


@pytest.mark.parametrize("family", sights.FAMILIES)
@pytest.mark.parametrize("parts", [{"tower": True}, {"projector": True}, {"tower": True, "projector": True}])
def test_as_many_numbers_are_trained_as_foreseen(place: Path, family: str, parts: dict[str, bool]) -> None:
    folder = built(place, family)
    known = facts(folder)
    chosen = recipe(**parts)
    model = prepare(load_model(folder, "sdpa"), chosen, str(folder))
    trained = sum(value.numel() for value in model.parameters() if value.requires_grad)
    assert known.lora_parameters(4) + sight.adapted(known, chosen) == trained


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Twelve rows of which each shows two of three pictures."""
    folder = tmp_path_factory.mktemp("shown")
    (folder / "pictures").mkdir()
    names = [f"pictures/{at}.png" for at in range(3)]
    for name, size in zip(names, SIZES, strict=True):
        Image.new("RGB", size).save(folder / name)
    made = [_row(f"{at}?", names[at % 3], names[(at + 1) % 3]) for at in range(12)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made), encoding="utf-8")
    return Dataset(id="p", name="p", path=folder / "rows.jsonl", rows=12, shape="visual", sha256="")


def _row(question: str, *shown: str) -> dict[str, Any]:
    parts = [*({"type": "image", "image": name} for name in shown), {"type": "text", "text": question}]
    return {"messages": [{"role": "user", "content": parts}, {"role": "assistant", "content": "Da."}]}


def foreseen(folder: Path, data: Dataset, chosen: Recipe) -> Forecast:
    machine = replace(this_machine(), gpus=())
    counted = lengths.of_run(chosen, data, None, folder / "tokenizer.json")
    return estimate(facts(folder), chosen, counted, machine, prior.guess(machine))


def test_pictures_are_counted_as_they_are_shown_and_each_once(place: Path, pictures: Dataset) -> None:
    folder = built(place, "llava_next")
    seen = lengths.of_run(recipe(), pictures, None, folder / "tokenizer.json").seen
    assert seen is not None
    assert (seen.pictures, seen.distinct, seen.pixels) == (2, 3, 64 * 64)
    count = patches(folder)
    assert count is not None
    assert seen.most == max(count(size) for size in SIZES)


def test_a_tower_that_learns_needs_more_and_what_is_kept_is_looked_at_once(place: Path, pictures: Dataset) -> None:
    folder = built(place, "qwen2_vl")
    kept, again, learned = (
        foreseen(folder, pictures, recipe(**parts)) for parts in ({}, {"keep": False}, {"tower": True})
    )
    assert learned.parts["activations"] > kept.parts["activations"]
    assert learned.parts["adapter"] > kept.parts["adapter"]
    assert kept.parts == again.parts
    seen = lengths.of_run(recipe(), pictures, None, folder / "tokenizer.json").seen
    assert seen is not None
    assert [sight.looks(recipe(**parts), seen, 100) for parts in ({}, {"keep": False}, {"tower": True})] == [
        3,
        200,
        200,
    ]


def test_a_large_picture_is_more_than_a_short_row_about_it(place: Path, pictures: Dataset, tmp_path: Path) -> None:
    """Opened and made small it needs memory, though its model reads no more of it."""
    folder = built(place, "llava")
    before = foreseen(folder, pictures, recipe())
    shutil.copytree(pictures.path.parent, tmp_path / "large")
    Image.new("RGB", (6000, 4000)).save(tmp_path / "large" / "pictures" / "0.png")
    after = foreseen(folder, pictures.model_copy(update={"path": tmp_path / "large" / "rows.jsonl"}), recipe())
    assert after.total_bytes - before.total_bytes > 6000 * 4000 * 3
    assert after.tokens_per_step == before.tokens_per_step
