"""Merging: the model that comes out says what base and adapter say together, whatever kind of adapter it is."""

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import (
    AutoModelForCausalLM,
    BitsAndBytesConfig,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
)

from backend.errors import ModelError
from backend.export.merge import merged
from backend.inference.shelf import Quantised
from backend.training.network.load import quantised

TOKENS = torch.arange(1, 24)[None]
SIZES = {
    "vocab_size": 96, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "initializer_range": 0.1,
}  # fmt: skip
LINEARS = ["q_proj", "v_proj", "down_proj"]


def base_at(folder: Path, *, tied: bool = False) -> Path:
    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(**SIZES, tie_word_embeddings=tied)).save_pretrained(folder)
    return folder


def loaded(folder: Path, **options: Any) -> PreTrainedModel:
    return AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, use_safetensors=True, trust_remote_code=False, **options
    )


@torch.no_grad()
def said(model: Any) -> torch.Tensor:
    return model.eval()(input_ids=TOKENS).logits


def adapted(base: PreTrainedModel, folder: Path, **config: Any) -> torch.Tensor:
    """Save an adapter whose every number is drawn, and what the model says with it, before any merging."""
    torch.manual_seed(1)
    model = get_peft_model(base, LoraConfig(r=4, lora_alpha=8, task_type="CAUSAL_LM", **config))
    for weight in model.parameters():
        if weight.requires_grad:
            weight.data += torch.randn_like(weight) * 0.1
    model.save_pretrained(folder)
    return said(model)


@pytest.mark.parametrize("tied", [False, True], ids=["own-head", "tied"])
@pytest.mark.parametrize(
    "config",
    [
        {"target_modules": LINEARS},
        {"target_modules": LINEARS, "use_dora": True},
        {"target_modules": LINEARS, "use_rslora": True},
        {"target_modules": LINEARS, "modules_to_save": ["lm_head"]},
        {"target_modules": LINEARS, "modules_to_save": ["embed_tokens"]},
        {"target_modules": LINEARS, "modules_to_save": ["embed_tokens", "lm_head"]},
        {"target_modules": LINEARS, "trainable_token_indices": {"embed_tokens": [3, 5, 90]}},
        {"target_modules": [*LINEARS, "embed_tokens"]},
        {"target_modules": [*LINEARS, "lm_head"]},
    ],
    ids=["lora", "dora", "rslora", "head", "table", "both", "tokens", "lora-table", "lora-head"],
)
@pytest.mark.filterwarnings("ignore")
def test_a_merged_model_says_what_base_and_adapter_say(tmp_path: Path, config: dict[str, Any], *, tied: bool) -> None:
    base = base_at(tmp_path / "base", tied=tied)
    wanted = adapted(loaded(base), tmp_path / "adapter", **config)
    assert (wanted - said(loaded(base))).abs().max() > 0.1
    merged(base, tmp_path / "adapter", dtype=torch.float32).save_pretrained(tmp_path / "merged")
    torch.testing.assert_close(said(loaded(tmp_path / "merged")), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.filterwarnings("ignore")
def test_a_table_that_serves_as_head_stays_one_when_both_learned_the_same(tmp_path: Path) -> None:
    base = base_at(tmp_path / "base", tied=True)
    adapted(loaded(base), tmp_path / "adapter", target_modules=LINEARS)
    assert merged(base, tmp_path / "adapter", dtype=torch.float32).config.tie_word_embeddings is True
    adapted(loaded(base), tmp_path / "other", target_modules=LINEARS, modules_to_save=["lm_head"])
    assert merged(base, tmp_path / "other", dtype=torch.float32).config.tie_word_embeddings is False


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("rounded", [False, True])
def test_layers_that_keep_their_weights_turned_are_merged_turned(tmp_path: Path, *, rounded: bool) -> None:
    torch.manual_seed(0)
    sizes = {"vocab_size": 96, "n_positions": 64, "n_embd": 32, "n_layer": 2, "n_head": 2, "initializer_range": 0.1}
    GPT2LMHeadModel(GPT2Config(**sizes)).save_pretrained(tmp_path / "base")
    targets = ["c_attn", "c_proj", "c_fc"]
    four = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4")
    base = loaded(tmp_path / "base", **({"quantization_config": four} if rounded else {}))
    for layer in quantised(base):
        layer.support_avx512bf16_for_cpu = False  # as in training: else products are rounded too
    wanted = adapted(base, tmp_path / "adapter", target_modules=targets, fan_in_fan_out=not rounded)
    kind = Quantised("nf4", double=False) if rounded else None
    found = merged(tmp_path / "base", tmp_path / "adapter", dtype=torch.float32, rounded=kind)
    found.save_pretrained(tmp_path / "merged")
    torch.testing.assert_close(said(loaded(tmp_path / "merged")), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_each_weight_is_rounded_once(tmp_path: Path, dtype: torch.dtype) -> None:
    base = base_at(tmp_path / "base")
    loaded(base).to(dtype).save_pretrained(base)
    adapted(loaded(base), tmp_path / "adapter", target_modules=LINEARS, use_dora=True)
    exact = merged(base, tmp_path / "adapter", dtype=torch.float32)
    found = merged(base, tmp_path / "adapter", dtype=dtype)
    weights = dict(found.named_parameters())
    assert all(torch.equal(weights[name], weight.to(dtype)) for name, weight in exact.named_parameters())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("double", [False, True])
def test_the_rounded_weights_of_qlora_are_what_is_merged_into(tmp_path: Path, *, double: bool) -> None:
    base = base_at(tmp_path / "base")
    four = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=double)
    rounded = loaded(base, quantization_config=four)
    for layer in quantised(rounded):
        layer.support_avx512bf16_for_cpu = False  # as in training: else products are rounded too
    wanted = adapted(rounded, tmp_path / "adapter", target_modules=LINEARS)
    found = merged(base, tmp_path / "adapter", dtype=torch.float32, rounded=Quantised("nf4", double))
    on_whole = merged(base, tmp_path / "adapter", dtype=torch.float32)
    torch.testing.assert_close(said(found), wanted, rtol=1e-3, atol=1e-3)
    assert (said(on_whole) - wanted).abs().max() > 0.05
    assert "quantization_config" not in found.config.to_dict()


def test_a_number_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    model = loaded(base_at(tmp_path / "base"))
    model.get_parameter("model.norm.weight").data[0] = 1e6
    model.save_pretrained(tmp_path / "base")
    with pytest.raises(ModelError) as refused:
        merged(tmp_path / "base", None, dtype=torch.float16)
    assert refused.value.key == "export.not_finite"
    assert refused.value.values == {"tensor": "model.norm.weight", "dtype": "float16"}
    assert merged(tmp_path / "base", None, dtype=torch.bfloat16).dtype is torch.bfloat16
