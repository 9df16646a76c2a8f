"""What a model is, from its config.json alone: sizes, and the exact number of parameters of every part.

Checked against transformers' own models for every type in FAMILIES (tests/backend/test_models_facts.py).
"""

import json
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from backend.errors import ModelError
from backend.models import weights
from backend.models.sight.config import language, sees
from backend.models.sight.tower import Sight, sight

Part = Literal["attention", "mlp"]
Config = dict[str, Any]
LARGEST_CONFIG = 10_000_000
# No machine holds more; what is less but too much for this one is the forecast's to say.
MOST_GIGABYTES = 10_000


@dataclass(frozen=True)
class Family:
    """How a type departs from Llama: two norms per layer, gated MLP, biases only where the config asks for them."""

    qkv_bias: bool = False
    bias_key: str = ""
    mlp_bias_key: str = ""
    norms: int = 2
    query_key_norm: Literal["", "head", "whole"] = ""
    head_dim: int | None = None
    tied: bool = False
    fused: bool = False


FAMILIES: dict[str, Family] = {
    "llama": Family(bias_key="attention_bias", mlp_bias_key="mlp_bias"),
    "mistral": Family(),
    "qwen2": Family(qkv_bias=True),
    "qwen3": Family(bias_key="attention_bias", query_key_norm="head", head_dim=128),
    "gemma": Family(bias_key="attention_bias", head_dim=256, tied=True),
    "gemma2": Family(bias_key="attention_bias", norms=4, head_dim=256, tied=True),
    "gemma3_text": Family(bias_key="attention_bias", norms=4, query_key_norm="head", head_dim=256, tied=True),
    "smollm3": Family(bias_key="attention_bias", mlp_bias_key="mlp_bias", tied=True),
    "granite": Family(bias_key="attention_bias", mlp_bias_key="mlp_bias"),
    "olmo2": Family(bias_key="attention_bias", query_key_norm="whole"),
    "phi3": Family(fused=True),
    "gpt2": Family(tied=True),
}
# What GPT-2 calls the sizes that other families agree on.
GPT_2 = {
    "n_embd": "hidden_size", "n_inner": "intermediate_size", "n_layer": "num_hidden_layers",
    "n_head": "num_attention_heads", "n_positions": "max_position_embeddings", "attn_pdrop": "attention_dropout",
}  # fmt: skip
# Of attention and of what a layer adds, where the config does not say.
GPT_2_DROPOUT = 0.1
EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")


@dataclass(frozen=True)
class Linear:
    """One weight matrix that every layer has; its parent stands before its name where the name alone is not enough."""

    name: str
    part: Part
    inputs: int
    outputs: int
    bias: bool = False

    @property
    def parameters(self) -> int:
        return self.inputs * self.outputs + (self.outputs if self.bias else 0)


@dataclass(frozen=True)
class ModelFacts:
    """Sizes as in config.json; `linears` are those of one layer; `parts` are parameters of the whole model.

    The two dropouts are the model's own: whether some of attention's weights, or of what a layer adds, is left out
    while it learns. `sight`: what a model that sees does it with.
    """

    model_type: str
    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab_size: int
    context_length: int
    tied_embeddings: bool
    dtype: str
    attention_dropout: bool = False
    residual_dropout: bool = False
    linears: tuple[Linear, ...] = ()
    parts: dict[str, int] = field(default_factory=dict)
    sight: Sight | None = None

    @property
    def parameters(self) -> int:
        """Of the whole model; an output head that shares the embeddings counts once."""
        return sum(self.parts.values())

    def targets(self, which: str) -> tuple[Linear, ...]:
        """The matrices of one layer that a recipe's `target_modules` ("all-linear", "attention", "mlp") adapts."""
        return tuple(linear for linear in self.linears if which in ("all-linear", linear.part))

    def lora_parameters(self, rank: int, which: str = "all-linear") -> int:
        """A is rank x inputs and B outputs x rank for every adapted matrix (arXiv 2106.09685, section 4.1)."""
        return self.layers * sum(rank * (linear.inputs + linear.outputs) for linear in self.targets(which))


def facts(location: str | Path) -> ModelFacts:
    """Read config.json in the model's folder; ModelError says what is wrong with it. Of a model that sees these are the
    facts of its language model; what it has besides is its part "sight", counted in its weights.
    """
    folder = Path(location)
    config = read_config(folder)
    if not sees(config):
        return of_config(config)
    found = of_config(language(config))
    besides = max(0, weights.count(folder) - found.parameters)
    return replace(found, parts={**found.parts, "sight": besides}, sight=sight(folder))


def of_config(config: Config) -> ModelFacts:
    """What a config.json that has been read says; ModelError as `facts`."""
    kind = str(config.get("model_type", ""))
    if any(config.get(name) for name in EXPERTS):
        raise ModelError("models.experts", type=kind[:60])
    if kind not in FAMILIES:
        raise ModelError("models.unknown_type", type=kind[:60], version=_installed())
    return _facts(kind, FAMILIES[kind], _gpt_2(config) if kind == "gpt2" else config)


def _gpt_2(config: Config) -> Config:
    renamed = {"attention_dropout": GPT_2_DROPOUT, "resid_pdrop": GPT_2_DROPOUT}
    renamed |= {GPT_2.get(name, name): value for name, value in config.items()}
    hidden = renamed.get("hidden_size")
    if renamed.get("intermediate_size") is None and isinstance(hidden, int):
        renamed["intermediate_size"] = 4 * hidden
    return renamed


def _installed() -> str:
    return ".".join(version("transformers").split(".")[:2])


def read_config(folder: Path) -> Config:
    """The config of a model whose files are data only; ModelError when it wants to bring its own program."""
    path = folder / "config.json"
    if not path.is_file() or path.stat().st_size > LARGEST_CONFIG:
        raise ModelError("models.no_config")
    config = _json(path)
    tokenizer = folder / "tokenizer_config.json"
    if "auto_map" in config or (tokenizer.is_file() and "auto_map" in _json(tokenizer)):
        raise ModelError("models.own_code")
    return config


def _json(path: Path) -> Config:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ModelError("models.bad_config", file=path.name, line=error.lineno) from error
    except (ValueError, RecursionError) as error:
        raise ModelError("models.bad_config", file=path.name, line=1) from error
    if not isinstance(found, dict):
        raise ModelError("models.bad_config", file=path.name, line=1)
    return found


def _facts(kind: str, family: Family, config: Config) -> ModelFacts:
    hidden = _size(config, "hidden_size")
    heads = _size(config, "num_attention_heads")
    known = ModelFacts(
        model_type=kind,
        hidden_size=hidden,
        intermediate_size=_size(config, "intermediate_size"),
        layers=_size(config, "num_hidden_layers"),
        heads=heads,
        kv_heads=_size(config, "num_key_value_heads", heads),
        head_dim=_head_dim(config, family, hidden, heads),
        vocab_size=_size(config, "vocab_size"),
        context_length=_size(config, "max_position_embeddings", 2048),
        tied_embeddings=bool(config.get("tie_word_embeddings", family.tied)),
        dtype=str(config.get("dtype") or config.get("torch_dtype") or "float32"),
        attention_dropout=bool(config.get("attention_dropout")),
        residual_dropout=bool(config.get("resid_pdrop")),
    )
    linears = _linears(known, family, config)
    whole = ModelFacts(**{**known.__dict__, "linears": linears, "parts": _parts(known, family, linears)})
    gigabytes = whole.parameters * 2 / 1e9
    if gigabytes > MOST_GIGABYTES:
        raise ModelError("models.too_large", gigabytes=f"{gigabytes:.0f}")
    return whole


def _size(config: Config, name: str, default: int | None = None) -> int:
    value = config.get(name)
    if value is None and default is not None:
        return default
    if value is None:
        raise ModelError("models.size_missing", name=name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ModelError("models.size_not_whole", name=name)
    if value < 1:
        raise ModelError("models.size_below_one", name=name)
    return value


def _head_dim(config: Config, family: Family, hidden: int, heads: int) -> int:
    if config.get("head_dim") is not None:
        return _size(config, "head_dim")
    if family.head_dim:
        return family.head_dim
    if hidden % heads:
        raise ModelError("models.heads_do_not_fit")
    return hidden // heads


def _linears(m: ModelFacts, family: Family, config: Config) -> tuple[Linear, ...]:
    if m.model_type == "gpt2":
        return (
            Linear("attn.c_attn", "attention", m.hidden_size, 3 * m.hidden_size, bias=True),
            Linear("attn.c_proj", "attention", m.hidden_size, m.hidden_size, bias=True),
            Linear("mlp.c_fc", "mlp", m.hidden_size, m.intermediate_size, bias=True),
            Linear("mlp.c_proj", "mlp", m.intermediate_size, m.hidden_size, bias=True),
        )
    return _fused(m) if family.fused else _separate(m, family, config)


def _separate(m: ModelFacts, family: Family, config: Config) -> tuple[Linear, ...]:
    query, key, inner = m.heads * m.head_dim, m.kv_heads * m.head_dim, m.intermediate_size
    asked = bool(config.get(family.bias_key)) if family.bias_key else False
    bias, mlp_bias = asked or family.qkv_bias, bool(config.get(family.mlp_bias_key)) if family.mlp_bias_key else False
    return (
        Linear("q_proj", "attention", m.hidden_size, query, bias),
        Linear("k_proj", "attention", m.hidden_size, key, bias),
        Linear("v_proj", "attention", m.hidden_size, key, bias),
        Linear("o_proj", "attention", query, m.hidden_size, asked),
        Linear("gate_proj", "mlp", m.hidden_size, inner, mlp_bias),
        Linear("up_proj", "mlp", m.hidden_size, inner, mlp_bias),
        Linear("down_proj", "mlp", inner, m.hidden_size, mlp_bias),
    )


def _fused(m: ModelFacts) -> tuple[Linear, ...]:
    query, key = m.heads * m.head_dim, m.kv_heads * m.head_dim
    return (
        Linear("qkv_proj", "attention", m.hidden_size, query + 2 * key),
        Linear("o_proj", "attention", query, m.hidden_size),
        Linear("gate_up_proj", "mlp", m.hidden_size, 2 * m.intermediate_size),
        Linear("down_proj", "mlp", m.intermediate_size, m.hidden_size),
    )


def _parts(m: ModelFacts, family: Family, linears: tuple[Linear, ...]) -> dict[str, int]:
    inside = {"": 0, "head": 2 * m.head_dim, "whole": (m.heads + m.kv_heads) * m.head_dim}[family.query_key_norm]
    table = m.vocab_size * m.hidden_size
    norms = m.layers * (family.norms * m.hidden_size + inside) + m.hidden_size
    # GPT-2 looks places up in a table of their own, and its norms have biases.
    own = m.model_type == "gpt2"
    return {
        "embeddings": table + (m.context_length * m.hidden_size if own else 0),
        "attention": m.layers * sum(linear.parameters for linear in linears if linear.part == "attention"),
        "mlp": m.layers * sum(linear.parameters for linear in linears if linear.part == "mlp"),
        "norms": 2 * norms if own else norms,
        "head": 0 if m.tied_embeddings else table,
    }
