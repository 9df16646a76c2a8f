"""The forecast against reality: what autograd keeps of a layer, and the peak of a real training."""

import json
from pathlib import Path
from typing import Any

import pytest

from backend.forecast.memory import Load, saved_per_token
from backend.hardware import this_machine
from backend.models.facts import facts
from backend.recipes.schema import Recipe
from benchmarks import forecast
from benchmarks.forecasting.settings import Setting

TOKENS = 96
SMALL = {
    "model_type": "llama", "hidden_size": 256, "intermediate_size": 704, "num_attention_heads": 8,
    "num_key_value_heads": 4, "vocab_size": 1000, "tie_word_embeddings": True, "dtype": "float32",
}  # fmt: skip


def kept_by_autograd(layers: int, recipe: Recipe) -> float:
    """Floats per token that the forward pass of two packed documents keeps, weights not counted."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from backend.training.network import adapter, attention
    from backend.training.network.loss import without_head

    attention.register()
    config = LlamaConfig(**{**SMALL, "num_hidden_layers": layers})
    base = LlamaForCausalLM._from_config(config, attn_implementation=attention.NAME)
    model = adapter.prepare(base, recipe, "")
    model.train()
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage().data_ptr() not in own:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    bounds = torch.tensor([0, 40, TOKENS], dtype=torch.int32)
    places = torch.cat([torch.arange(40), torch.arange(TOKENS - 40)])[None]
    row = {"cu_seq_lens_q": bounds, "cu_seq_lens_k": bounds, "max_length_q": 56, "max_length_k": 56}
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), without_head(base.lm_head):
        model(input_ids=torch.randint(0, 1000, (1, TOKENS)), position_ids=places, use_cache=False, **row)
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values()) / 4 / TOKENS


@pytest.mark.parametrize(
    "values",
    [
        {"method": "lora"},
        {"method": "lora", "lora": {"rank": 64, "dropout": 0.1}},
        {"method": "lora", "lora": {"target_modules": "attention"}},
        {"method": "lora", "lora": {"target_modules": "mlp"}},
        {"method": "full"},
    ],
    ids=["lora", "dropout", "attention", "mlp", "full"],
)
def test_one_layer_more_keeps_as_many_floats_per_token_as_forecast(tmp_path: Path, values: dict[str, Any]) -> None:
    recipe = Recipe.model_validate(values)
    (tmp_path / "config.json").write_text(json.dumps(SMALL | {"num_hidden_layers": 3}), encoding="utf-8")
    load = Load(facts(tmp_path), recipe, tokens=TOKENS, learned=0, evaluated=0, runtime=0)
    counted = kept_by_autograd(3, recipe) - kept_by_autograd(2, recipe)
    assert saved_per_token(load) == pytest.approx(counted, rel=0.005)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_forecast_for_the_starter_is_within_a_fifth_of_the_measured_peak(tmp_path: Path) -> None:
    setting = Setting("starter", "lora", 32, 256)
    found = forecast.measure(setting, tmp_path, this_machine(), forecast.imports(), steps=3)
    assert found.peak > found.imports > 100 * 2**20
    assert abs(found.total_error) <= forecast.WITHIN_OF_TOTAL
