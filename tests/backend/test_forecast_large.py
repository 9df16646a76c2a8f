"""A forecast of what was never loaded: from config.json alone, up to 70 billion parameters."""

import json
from pathlib import Path
from typing import Any

import pytest

from backend.errors import ModelError
from backend.forecast.estimate import estimate
from backend.forecast.lengths import Lengths
from backend.hardware import Gpu, Machine
from backend.models.facts import ModelFacts, facts
from backend.recipes.schema import Recipe

GB = 10**9
LENGTHS = Lengths(1000, tuple(range(24, 1024)), 0.5)
CARD = Machine(
    "cpu", 4, 10**12, 10**12, bf16_cpu=False, gpus=(Gpu(0, "card", 10**12, 10**12),),
    disk_bytes=10**13, disk_free_bytes=10**13,
)  # fmt: skip


def sizes(folder: Path, config: dict[str, Any]) -> ModelFacts:
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return facts(folder)


SIZES = {
    "7b": (4096, 11008, 32, 32),
    "13b": (5120, 13824, 40, 40),
    "33b": (6656, 17920, 60, 52),
    "70b": (8192, 28672, 80, 64),
}
# Bytes of card that LLaMA-Factory's planning table asks for: whole sizes of cards, rounded up.
TABLE = {("7b", "qlora"): 6, ("13b", "qlora"): 12, ("33b", "qlora"): 24, ("70b", "qlora"): 48, ("7b", "lora"): 16}


@pytest.mark.parametrize(("size", "method"), TABLE)
def test_a_llama_up_to_70b_is_forecast_from_its_config_alone_and_close_to_published_tables(
    tmp_path: Path, size: str, method: str
) -> None:
    hidden, inner, layers, heads = SIZES[size]
    config = {
        "model_type": "llama", "hidden_size": hidden, "intermediate_size": inner, "num_hidden_layers": layers,
        "num_attention_heads": heads, "num_key_value_heads": 8 if size == "70b" else heads, "vocab_size": 32000,
        "dtype": "float16",
    }  # fmt: skip
    known = sizes(tmp_path, config)
    if size == "70b":
        assert known.parameters == 68_976_648_192
    recipe = Recipe.model_validate(
        {
            "method": method,
            "lora": {"rank": 8},
            "batch": {"size": 1, "max_length": 512},
            "compute": {"gradient_checkpointing": "on"},
        }
    )
    found = estimate(known, recipe, LENGTHS, CARD, None).total_bytes
    assert 0.7 * TABLE[size, method] * GB < found < 1.02 * TABLE[size, method] * GB


def test_a_mixture_of_experts_is_refused_in_words(tmp_path: Path) -> None:
    mixed = {"model_type": "mixtral", "num_local_experts": 8, "hidden_size": 64, "num_hidden_layers": 2}
    with pytest.raises(ModelError):
        sizes(tmp_path, mixed)
