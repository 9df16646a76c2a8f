"""What is said of models that see from their files alone, against the models and processors themselves."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from backend.models.facts import facts
from backend.models.sight.config import inside
from backend.models.sight.words import counter
from backend.sight.eyes import Eyes
from backend.sight.load import load_model, load_processor
from tests import sights

SIZES = ((40, 30), (200, 100), (33, 120), (64, 64), (31, 97), (1000, 20), (17, 16))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sights")


@cache
def built(place: Path, family: str) -> Path:
    return sights.build(family, place / family)


@pytest.mark.parametrize("family", sights.FAMILIES)
def test_a_picture_becomes_as_many_tokens_as_its_processor_writes(place: Path, family: str) -> None:
    folder = built(place, family)
    processor: Any = load_processor(folder)
    count, eyes = counter(folder), Eyes(processor)
    assert count is not None
    for size in SIZES:
        written = len(processor.tokenizer(eyes.words(size), add_special_tokens=False)["input_ids"])
        # Of lines that end, and what stands before the small picture, a vocabulary makes one token more or less.
        assert abs(count(size) - written) <= (2 if family in ("idefics3", "smolvlm") else 0), size


@pytest.mark.parametrize("family", sights.FAMILIES)
def test_parameters_are_those_of_the_model(place: Path, family: str) -> None:
    folder = built(place, family)
    model: Any = load_model(folder, "sdpa")
    found = facts(folder)
    language = sum(value.numel() for name, value in model.named_parameters() if not inside(name))
    assert found.parameters == sum(value.numel() for value in model.parameters())
    if family != "mllama":  # whose layers that look have gates
        assert found.parameters - found.parts["sight"] == pytest.approx(language, abs=64)
    assert found.parts["sight"] > 10_000


def test_a_model_of_words_counts_no_pictures(tmp_path: Path) -> None:
    assert counter(tmp_path) is None
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    assert counter(tmp_path) is None
