"""What a GGUF file says of a model besides its tensors: sizes, positions, where it is from."""

from math import pi
from typing import Any

import numpy as np
from gguf import GGUFWriter, LlamaFileType, RopeScalingType

from backend.errors import ModelError
from backend.models.facts import ModelFacts

Config = dict[str, Any]
QUANTIZATION_VERSION = 2


def add(writer: GGUFWriter, known: ModelFacts, config: Config, *, name: str, file_type: LlamaFileType) -> None:
    writer.add_type("model")
    writer.add_name(name)
    writer.add_context_length(context(known, config))
    writer.add_embedding_length(known.hidden_size)
    writer.add_block_count(known.layers)
    writer.add_feed_forward_length(known.intermediate_size)
    writer.add_head_count(known.heads)
    writer.add_head_count_kv(known.kv_heads)
    writer.add_key_length(known.head_dim)
    writer.add_value_length(known.head_dim)
    writer.add_layer_norm_rms_eps(float(config.get("rms_norm_eps", 1e-6)))
    writer.add_vocab_size(known.vocab_size)
    writer.add_file_type(file_type)
    writer.add_quantization_version(QUANTIZATION_VERSION)
    _add_rope(writer, known, config)


def context(known: ModelFacts, config: Config) -> int:
    """Tokens the model reads. These architectures have no sliding window in llama.cpp, so a window is the limit."""
    window = config.get("sliding_window") if config.get("use_sliding_window", True) else None
    return min(known.context_length, int(window)) if window else known.context_length


def rope(config: Config) -> dict[str, Any]:
    """{rope_type, rope_theta, ...} as transformers 5 writes it, or from the older keys of a config."""
    found: dict[str, Any] = dict(config.get("rope_parameters") or config.get("rope_scaling") or {})
    kind = found.get("rope_type") or found.get("type") or "default"
    theta = found.get("rope_theta") or config.get("rope_theta") or 10000.0
    return found | {"rope_type": str(kind), "rope_theta": float(theta)}


def rope_factors(config: Config, head_dim: int) -> np.ndarray[Any, Any] | None:
    """What each frequency is divided by with Llama 3.1's scaling, shape (head_dim / 2,); None without it.

    transformers/modeling_rope_utils.py, `_compute_llama3_parameters`.
    """
    found = rope(config)
    if found["rope_type"] != "llama3":
        return None
    low, high, whole = (float(found[key]) for key in ("low_freq_factor", "high_freq_factor", "factor"))
    length = float(found["original_max_position_embeddings"])
    waves = 2 * pi * found["rope_theta"] ** (np.arange(0, head_dim, 2, dtype=np.float64) / head_dim)
    smooth = (length / waves - low) / (high - low)
    between = 1 / ((1 - smooth) / whole + smooth)
    factors = np.where(waves < length / high, 1.0, np.where(waves > length / low, whole, between))
    return factors.astype(np.float32)


def _add_rope(writer: GGUFWriter, known: ModelFacts, config: Config) -> None:
    found = rope(config)
    writer.add_rope_dimension_count(known.head_dim)
    writer.add_rope_freq_base(found["rope_theta"])
    kind = found["rope_type"]
    if kind in ("default", "llama3"):
        return
    if kind not in ("linear", "yarn"):
        raise ModelError("export.gguf_rope", kind=kind)
    writer.add_rope_scaling_type(RopeScalingType.LINEAR if kind == "linear" else RopeScalingType.YARN)
    writer.add_rope_scaling_factor(float(found["factor"]))
    if kind == "yarn":
        length = int(found.get("original_max_position_embeddings") or known.context_length)
        writer.add_rope_scaling_orig_ctx_len(length)
