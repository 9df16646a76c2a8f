"""A model that sees, by its config.json: its family, its language model, which of its parts see."""

from itertools import chain
from typing import Any

Config = dict[str, Any]

FAMILIES = ("llava", "llava_next", "qwen2_vl", "qwen2_5_vl", "qwen3_vl", "mllama", "idefics3", "smolvlm")
TOWERS = ("vision_tower", "vision_model", "visual")
PROJECTORS = ("multi_modal_projector", "connector", "visual.merger", "visual.deepstack_merger_list")
# What the language model of a family is, where its own config does not say so in these words.
LANGUAGES = {
    "qwen2_vl": "qwen2",
    "qwen2_vl_text": "qwen2",
    "qwen2_5_vl": "qwen2",
    "qwen2_5_vl_text": "qwen2",
    "qwen3_vl_text": "qwen3",
    "mllama_text_model": "llama",
}
# What configs of language models leave out, as the libraries that wrote them did: the sizes of the first of each kind.
LEFT_OUT: dict[str, Config] = {
    "llama": {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32},
    "mistral": {
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
    },
}


def sees(config: Config) -> bool:
    """Whether a model with this config.json can be shown pictures, and is of a family that can be trained."""
    return config.get("model_type") in FAMILIES and isinstance(config.get("vision_config"), dict)


def language(config: Config) -> Config:
    """The config of its language model, as that of a model by itself."""
    inner = config.get("text_config")
    # The first ones of Qwen2-VL say all of it beside what they say of the pictures.
    told = inner if isinstance(inner, dict) else {name: value for name, value in config.items() if name[:6] != "vision"}
    kind = str(told.get("model_type") or config["model_type"])
    kind = LANGUAGES.get(kind, kind)
    tied = {"tie_word_embeddings": config["tie_word_embeddings"]} if "tie_word_embeddings" in config else {}
    return {**LEFT_OUT.get(kind, {}), **tied, **told, "model_type": kind}


def inside(path: str, parts: tuple[str, ...] = tuple(chain(TOWERS, PROJECTORS))) -> bool:
    """Whether a module or a weight with this name belongs to one of these parts of a model."""
    return any(f".{part}." in f".{path}." for part in parts)
