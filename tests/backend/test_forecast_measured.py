"""The forecast against reality: what autograd keeps of a layer, and the peak of a real training."""

import json
from pathlib import Path
from typing import Any

import pytest

from backend.forecast.load import Load
from backend.forecast.memory import saved_per_token
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


GPT_2 = {"model_type": "gpt2", "n_embd": 256, "n_inner": 1024, "n_head": 8, "vocab_size": 1000, "n_positions": 256}


def config(kind: str, layers: int, **other: float) -> dict[str, Any]:
    if kind == "gpt2":
        return GPT_2 | {"n_layer": layers} | other
    return SMALL | other | {"model_type": kind, "num_hidden_layers": layers, "head_dim": 32, "pad_token_id": 0}


def kept_by_autograd(kind: str, layers: int, recipe: Recipe, longest: int = 56, **other: float) -> float:
    """Floats per token that the forward pass of two packed documents keeps, weights not counted."""
    import weakref

    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from backend.training.network import adapter, attention
    from backend.training.network.loss import without_head

    attention.register()
    values = {name: value for name, value in config(kind, layers, **other).items() if name != "model_type"}
    made = AutoConfig.for_model(kind, **values)
    base = AutoModelForCausalLM.from_config(made, attn_implementation=attention.NAME, dtype=torch.float32)
    model = adapter.prepare(base, recipe, "")
    model.train()
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    seen: list[weakref.ref[torch.Tensor]] = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        held = tensor.detach()
        if tensor.untyped_storage().data_ptr() not in own:
            seen.append(weakref.ref(held))
        return held

    if recipe.objective == "preference":
        rows = {"input_ids": torch.randint(0, 1000, (2, TOKENS // 2)), "attention_mask": torch.ones(2, TOKENS // 2)}
        rows["attention_mask"][1, 40:] = 0  # the shorter answer
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), without_head(base.lm_head):
            found = model(**rows, use_cache=False)
        return _bytes(seen) / 4 / TOKENS
    bounds = torch.tensor([0, TOKENS - longest, TOKENS], dtype=torch.int32)
    places = torch.cat([torch.arange(TOKENS - longest), torch.arange(longest)])[None]
    row = {"cu_seq_lens_q": bounds, "cu_seq_lens_k": bounds, "max_length_q": longest, "max_length_k": longest}
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), without_head(base.lm_head):
        found = model(input_ids=torch.randint(0, 1000, (1, TOKENS)), position_ids=places, use_cache=False, **row)
    assert found.logits.requires_grad
    return _bytes(seen) / 4 / TOKENS


def _bytes(seen: list[Any]) -> int:
    """Of what is still kept: what autograd let go of again was only there for a moment."""
    alive = {tensor.untyped_storage().data_ptr(): tensor for one in seen if (tensor := one()) is not None}
    return sum(tensor.untyped_storage().nbytes() for tensor in alive.values())


@pytest.mark.parametrize(
    "values",
    [
        {"method": "lora"},
        {"method": "lora", "lora": {"rank": 64, "dropout": 0.1}},
        {"method": "lora", "lora": {"target_modules": "attention"}},
        {"method": "lora", "lora": {"target_modules": "mlp"}},
        {"method": "lora", "lora": {"dora": True}},
        {"method": "lora", "lora": {"dora": True, "target_modules": "attention"}},
        {"method": "full"},
        {"method": "lora", "objective": "preference", "batch": {"size": 1}},
        {"method": "full", "objective": "preference", "batch": {"size": 1}},
    ],
    ids=["lora", "dropout", "attention", "mlp", "dora", "dora attention", "full", "pairs", "pairs full"],
)
def test_one_layer_more_keeps_as_many_floats_per_token_as_forecast(tmp_path: Path, values: dict[str, Any]) -> None:
    recipe = Recipe.model_validate(values)
    (tmp_path / "config.json").write_text(json.dumps(SMALL | {"num_hidden_layers": 3}), encoding="utf-8")
    load = Load(facts(tmp_path), recipe, tokens=TOKENS, learned=0, evaluated=0, runtime=0)
    counted = kept_by_autograd("llama", 3, recipe) - kept_by_autograd("llama", 2, recipe)
    assert saved_per_token(load) == pytest.approx(counted, rel=0.01)


@pytest.mark.parametrize("values", [{"method": "lora"}, {"method": "full"}], ids=["lora", "full"])
@pytest.mark.parametrize("kind", ["qwen3", "gemma2", "gemma3_text", "phi3", "olmo2", "granite", "gpt2"])
def test_a_layer_of_another_family_keeps_hardly_less_than_forecast_and_never_more(
    tmp_path: Path, kind: str, values: dict[str, Any]
) -> None:
    """Gemma 2 is forecast for documents as long as they may be: 56 of these 96 tokens."""
    recipe = Recipe.model_validate({**values, "batch": {"max_length": 56}})
    (tmp_path / "config.json").write_text(json.dumps(config(kind, 3)), encoding="utf-8")
    load = Load(facts(tmp_path), recipe, tokens=TOKENS, learned=0, evaluated=0, runtime=0)
    counted = kept_by_autograd(kind, 3, recipe) - kept_by_autograd(kind, 2, recipe)
    assert 0.99 * counted < saved_per_token(load) < 1.08 * counted


@pytest.mark.parametrize("values", [{"method": "lora"}, {"method": "full"}], ids=["lora", "full"])
@pytest.mark.parametrize(
    ("kind", "other"),
    [
        ("gpt2", {}),  # of which both are 0.1 where nothing is said
        ("gpt2", {"attn_pdrop": 0.0}),
        ("gpt2", {"resid_pdrop": 0.0}),
        ("llama", {"attention_dropout": 0.1}),
        ("granite", {"attention_dropout": 0.1}),
    ],
)
def test_what_a_model_drops_by_itself_is_forecast_for_long_documents_too(
    tmp_path: Path, kind: str, other: dict[str, float], values: dict[str, Any]
) -> None:
    recipe = Recipe.model_validate({**values, "batch": {"max_length": 92}})
    (tmp_path / "config.json").write_text(json.dumps(config(kind, 3, **other)), encoding="utf-8")
    load = Load(facts(tmp_path), recipe, tokens=TOKENS, learned=0, evaluated=0, runtime=0)
    counted = kept_by_autograd(kind, 3, recipe, 92, **other) - kept_by_autograd(kind, 2, recipe, 92, **other)
    assert 0.99 * counted < saved_per_token(load) < 1.08 * counted


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_forecast_for_the_starter_is_within_a_fifth_of_the_measured_peak(tmp_path: Path) -> None:
    setting = Setting("starter", "lora", 32, 256)
    found = forecast.measure(setting, tmp_path, this_machine(), forecast.imports(), steps=3)
    assert found.peak > found.imports > 100 * 2**20
    assert abs(found.total_error) <= forecast.WITHIN_OF_TOTAL
