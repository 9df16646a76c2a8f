"""Models of other families for the forecast's matrix: random weights of their own class, the starter's tokenizer."""

import json
import shutil
from pathlib import Path
from typing import Any

from backend.models.sight.config import FAMILIES
from benchmarks.forecasting.trial import python

TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json")
MAKE = """
import json, sys, torch
from transformers import AutoConfig, AutoModelForCausalLM
values = json.loads(sys.argv[1])
config = AutoConfig.for_model(values.pop("model_type"), **values)
AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(sys.argv[2])
"""
MAKE_SEEING = """
import sys
from pathlib import Path
from benchmarks.forecasting.seeing import make
make(sys.argv[1], Path(sys.argv[2]))
"""


def sizes(kind: str, hidden: int, inner: int, layers: int, vocabulary: int, **more: Any) -> dict[str, Any]:
    """config.json of a family that names its sizes as Llama does; heads are 64 wide."""
    return {
        "model_type": kind, "hidden_size": hidden, "intermediate_size": inner, "num_hidden_layers": layers,
        "vocab_size": vocabulary, "num_attention_heads": hidden // 64, "num_key_value_heads": hidden // 64,
        "head_dim": 64, "max_position_embeddings": 2048, "tie_word_embeddings": True,
        "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
    } | more  # fmt: skip


CONFIGS: dict[str, dict[str, Any]] = {
    "qwen2-25m": sizes("qwen2", 448, 1216, 8, 12000, num_key_value_heads=1),
    "qwen3-40m": sizes("qwen3", 512, 1536, 10, 12000, num_key_value_heads=4),
    "mistral-110m": sizes("mistral", 768, 2304, 14, 10000, num_key_value_heads=4, tie_word_embeddings=False),
    "gemma2-45m": sizes("gemma2", 512, 2048, 8, 24000, num_key_value_heads=4, query_pre_attn_scalar=64),
    "gemma3-35m": sizes("gemma3_text", 512, 1536, 8, 20000, num_key_value_heads=4),
    "phi3-60m": sizes("phi3", 640, 1792, 10, 9000, tie_word_embeddings=False),
    "granite-50m": sizes("granite", 576, 1536, 12, 10000, num_key_value_heads=3),
    "olmo2-70m": sizes("olmo2", 640, 1920, 12, 8000, tie_word_embeddings=False),
    "smollm3-80m": sizes("smollm3", 704, 2048, 12, 16000, num_attention_heads=11, num_key_value_heads=11),
    "gpt2-55m": {
        "model_type": "gpt2", "n_embd": 576, "n_head": 9, "n_layer": 12, "n_positions": 1024, "vocab_size": 9000,
        "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
    },
}  # fmt: skip


def make(name: str, target: Path, tokenizer: Path) -> None:
    """The model of this name in a new folder, made by its own class in a process of its own."""
    python(MAKE, json.dumps(CONFIGS[name]), str(target))
    for file in TOKENIZER:
        shutil.copy(tokenizer / file, target)


def sees(name: str) -> bool:
    """Whether the model of this name is one of `benchmarks.forecasting.seeing`."""
    return name.split("-")[0] in FAMILIES


def make_seeing(name: str, target: Path) -> None:
    """A model that sees, with its processor."""
    python(
        f"from pathlib import Path; from benchmarks.forecasting.seeing import make; make('{name}', Path('{target}'))"
    )
