"""Which files of a repository make a model, and why some repositories are refused; from names and config.json alone."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from backend.errors import ModelError

INDEX = "model.safetensors.index.json"
WHOLE = "model.safetensors"
SHARD = re.compile(r"^model-\d{5}-of-\d{5}\.safetensors$")
PLAIN_NAME = re.compile(r"^[A-Za-z0-9_][\w.-]{0,99}$")
CONFIGS = ("config.json", "tokenizer_config.json")
BESIDE = frozenset(
    {
        *CONFIGS,
        "generation_config.json",
        "tokenizer.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "vocab.json",
        "vocab.txt",
        "merges.txt",
        "tokenizer.model",
        "spiece.model",
        "sentencepiece.bpe.model",
        "chat_template.jinja",
        "chat_template.json",
        "preprocessor_config.json",
        "processor_config.json",
        "video_preprocessor_config.json",
    }
)
TOKENIZERS = frozenset(
    {"tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "sentencepiece.bpe.model"}
)
LICENCE_FILE = re.compile(r"^LICEN[CS]E(\.(txt|md))?$", re.IGNORECASE)
PICKLES = re.compile(r"^(pytorch_model.*\.bin|model.*\.(pt|pth|ckpt|pkl)|consolidated.*\.pth)$")
FOUR_BITS = "bitsandbytes-4bit"


def weights_of(names: Iterable[str]) -> list[str]:
    """The safetensors files that transformers would load, with their index; [] when there are none."""
    known = set(names)
    if WHOLE in known:
        return [WHOLE]
    shards = sorted(name for name in known if SHARD.match(name))
    return [INDEX, *shards] if INDEX in known and shards else []


def needed(names: Iterable[str]) -> list[str]:
    """What makes a model of a repository: weights, tokenizer, settings, licence; nothing out of its folders."""
    known = sorted(set(names))
    beside = [name for name in known if name in BESIDE or LICENCE_FILE.match(name)]
    return [*beside, *weights_of(known)]


def licence_file(names: Iterable[str]) -> str | None:
    return next((name for name in sorted(names) if LICENCE_FILE.match(name)), None)


def pickles(names: Iterable[str]) -> list[str]:
    """Weights that could run a program when they are loaded."""
    return sorted(name for name in names if PICKLES.match(name))


def refuse_without_weights(hub_id: str, names: Iterable[str], *, here: bool = False) -> None:
    """ModelError that says what the repository, or the folder here, holds instead of safetensors weights."""
    known = set(names)
    if weights_of(known):
        return
    if "adapter_config.json" in known:
        raise ModelError("hub.is_adapter", name=hub_id)
    if any(name.lower().endswith(".gguf") for name in known):
        raise ModelError("hub.only_gguf", name=hub_id)
    if pickles(known) and here:
        raise ModelError("models.no_safetensors")
    raise ModelError("hub.no_safetensors" if pickles(known) else "hub.no_weights", name=hub_id)


def refuse_without_tokenizer(hub_id: str, names: Iterable[str]) -> None:
    if not TOKENIZERS & set(names):
        raise ModelError("hub.no_tokenizer", name=hub_id)


def quantised(config: dict[str, Any]) -> str | None:
    """How the weights are rounded already: None, or `FOUR_BITS`; ModelError for a kind that is not handled."""
    settings = config.get("quantization_config")
    if not isinstance(settings, dict):
        return None
    method = str(settings.get("quant_method") or "bitsandbytes")
    if method == "bitsandbytes" and (settings.get("load_in_4bit") or settings.get("_load_in_4bit")):
        return FOUR_BITS
    raise ModelError("hub.quantised_otherwise", method=f"{method} 8-bit" if method == "bitsandbytes" else method[:40])


def require_complete(folder: Path) -> None:
    """ModelError when the index of a model in several files names one that is not there."""
    path = folder / INDEX
    if not path.is_file() or (folder / WHOLE).is_file():
        return
    try:
        named = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
        files = sorted({str(name) for name in named.values()})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError("models.bad_config", file=INDEX, line=getattr(error, "lineno", 1)) from error
    missing = [name for name in files if not PLAIN_NAME.match(name) or not (folder / name).is_file()]
    if missing:
        raise ModelError("hub.shard_missing", file=missing[0][:80], count=len(missing), total=len(files))
