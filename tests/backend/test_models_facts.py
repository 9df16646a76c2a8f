"""Sizes of a model from its config.json alone: exact for every family, and one sentence for a config that is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from backend.errors import ModelError
from backend.messages import LANGUAGES
from backend.models.facts import FAMILIES, ModelFacts, facts
from backend.paths import SHIPPED_MODELS

TINY = {
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 500, "max_position_embeddings": 128,
    "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2,
}  # fmt: skip
LLAMA_30M = {**TINY, "hidden_size": 384, "intermediate_size": 1024, "num_hidden_layers": 8, "num_attention_heads": 6}
LLAMA_120M = {**TINY, "hidden_size": 768, "intermediate_size": 2048, "num_hidden_layers": 12, "vocab_size": 32_000}
GPT_2 = {
    "n_embd": 64, "n_layer": 3, "n_head": 4, "n_positions": 128, "vocab_size": 500, "bos_token_id": 0,
    "eos_token_id": 1,
}  # fmt: skip
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((kind, TINY) for kind in FAMILIES if kind != "gpt2"),
    ("gpt2", GPT_2),
    ("gpt2", {**GPT_2, "n_inner": 96}),
    ("llama", LLAMA_30M),
    ("llama", LLAMA_120M),
    ("llama", {**TINY, "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}),
    ("llama", {k: v for k, v in TINY.items() if k not in ("head_dim", "num_key_value_heads")}),
    ("qwen2", {**TINY, "tie_word_embeddings": True}),
    ("qwen3", {**TINY, "attention_bias": True}),
    ("gemma", {**TINY, "tie_word_embeddings": False}),
    ("mistral", {**TINY, "tie_word_embeddings": True}),
]


def written(folder: Path, config: object) -> Path:
    (folder / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    return folder


def llama(**changes: Any) -> dict[str, Any]:
    return {"model_type": "llama", **TINY, **changes}


def refusal(folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        facts(folder)
    for language in LANGUAGES:
        assert "{" not in caught.value.say(language)
    return str(caught.value)


def counted(config: dict[str, Any]) -> tuple[dict[str, int], dict[str, tuple[int, int]]]:
    """Parameters by part, and the linear layers of the first layer, of the model that transformers builds."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    values = {name: value for name, value in config.items() if name != "model_type"}
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(config["model_type"], **values))
    parts = dict.fromkeys(("embeddings", "attention", "mlp", "norms", "head"), 0)
    for name, parameter in model.named_parameters():
        tables = ("embed_tokens", "wte", "wpe")
        where = "embeddings" if any(t in name for t in tables) else "head" if name.startswith("lm_head") else "norms"
        if where == "norms" and "norm" not in name and "ln_" not in name:
            where = "attention" if "attn" in name else "mlp"
        parts[where] += parameter.numel()
    first = [(n, m) for n, m in model.named_modules() if isinstance(m, torch.nn.Linear) and ".layers.0." in n]
    if config["model_type"] == "gpt2":
        found = {n.partition(".h.0.")[2][:-7]: p.shape for n, p in model.named_parameters() if ".h.0." in n}
        return parts, {name: tuple(shape) for name, shape in found.items() if len(shape) == 2}
    return parts, {name.rsplit(".", 1)[-1]: (m.in_features, m.out_features) for name, m in first}


@pytest.mark.parametrize(("kind", "sizes"), VARIANTS, ids=[f"{n}-{kind}" for n, (kind, _) in enumerate(VARIANTS)])
def test_parameters_are_those_of_the_model_that_is_built(tmp_path: Path, kind: str, sizes: dict[str, Any]) -> None:
    config = {"model_type": kind, **sizes}
    found = facts(written(tmp_path, config))
    parts, linears = counted(config)
    assert found.parts == parts
    assert {linear.name: (linear.inputs, linear.outputs) for linear in found.linears} == linears


def test_sizes_of_the_starter() -> None:
    found = facts(SHIPPED_MODELS / "starter")
    assert (found.model_type, found.tied_embeddings) == ("llama", True)
    assert 1_900_000 < found.parameters < 2_500_000


def test_adapter_parameters_are_counted_by_rank_and_target(tmp_path: Path) -> None:
    found = facts(written(tmp_path, llama()))
    attention = 2 * (64 + 64) + 2 * (64 + 32)
    mlp = 3 * (64 + 96)
    assert found.lora_parameters(8, "attention") == 3 * 8 * attention
    assert found.lora_parameters(8, "mlp") == 3 * 8 * mlp
    assert found.lora_parameters(8) == 3 * 8 * (attention + mlp)


def test_what_a_config_leaves_out_has_a_default(tmp_path: Path) -> None:
    sizes = {name: TINY[name] for name in TINY if name not in ("num_key_value_heads", "head_dim")}
    found: ModelFacts = facts(written(tmp_path, {"model_type": "llama", **sizes, "torch_dtype": "bfloat16"}))
    assert (found.kv_heads, found.head_dim, found.dtype, found.context_length) == (4, 16, "bfloat16", 128)


FAULTS = [
    ('{"model_type": "llama",', "config.json is not valid JSON (line 1)."),
    ('{\n"a": 1,\n"b" 2}', "config.json is not valid JSON (line 3)."),
    ("[]", "config.json is not valid JSON (line 1)."),
    ("[" * 100_000, "config.json is not valid JSON (line 1)."),
    (llama(auto_map={"AutoModelForCausalLM": "evil.Model"}),
     "This model contains its own program code, which is not run here."),
    ({"model_type": "gpt9"}, 'Model type "gpt9" is not supported by this version (transformers 5.'),
    ({}, 'Model type "" is not supported by this version (transformers 5.'),
    (llama(num_hidden_layers=-1), "config.json: num_hidden_layers must be ≥ 1."),
    (llama(num_hidden_layers=0), "config.json: num_hidden_layers must be ≥ 1."),
    (llama(vocab_size=-5), "config.json: vocab_size must be ≥ 1."),
    (llama(hidden_size="64"), "config.json: hidden_size must be a whole number."),
    (llama(hidden_size=None), "config.json: hidden_size is missing."),
    (llama(hidden_size=66, head_dim=None), "config.json: hidden_size must be a multiple of num_attention_heads."),
    (llama(hidden_size=10**7, intermediate_size=10**6), "The model would need 180"),
]  # fmt: skip


@pytest.mark.parametrize(("config", "sentence"), FAULTS, ids=[sentence[:40] for _, sentence in FAULTS])
def test_a_bad_config_is_refused_in_one_sentence(tmp_path: Path, config: object, sentence: str) -> None:
    assert refusal(written(tmp_path, config)).startswith(sentence)


def test_code_that_hides_in_the_tokenizer_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text('{"auto_map": {"AutoTokenizer": ["evil.Tokenizer", null]}}')
    assert refusal(written(tmp_path, llama())) == "This model contains its own program code, which is not run here."


def test_a_folder_without_a_config_holds_no_model(tmp_path: Path) -> None:
    assert refusal(tmp_path) == "This folder holds no model: config.json is missing."
