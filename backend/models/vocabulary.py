"""Adapters that bring tokens of their own: which rows of the embeddings they replace, and whose tokenizer is used."""

import json
from pathlib import Path
from typing import Any

CONFIG = "adapter_config.json"
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")


def tokens(config: dict[str, Any]) -> dict[str, list[int]]:
    """Rows by the name of their table, as an adapter_config.json of peft names them; {} when it trains none."""
    found = config.get("trainable_token_indices") or {}
    return {"embed_tokens": found} if isinstance(found, list) else dict(found)


def rows(adapter: Path) -> int:
    """How many rows the embeddings need for this adapter; 0 when it trains none."""
    found = tokens(json.loads((adapter / CONFIG).read_text(encoding="utf-8"))).values()
    return max((token + 1 for places in found for token in places), default=0)


def enlarge(model: Any, size: int) -> None:
    """Give a model of transformers at least `size` rows in every table; what new ones hold is the caller's to say."""
    if model.get_input_embeddings().weight.shape[0] < size:
        model.resize_token_embeddings(size, mean_resizing=False)


def tokenizer_of(base: str, adapter: Path | None) -> str:
    """Where the tokenizer is: in the adapter's folder when that has one, else in the base model's."""
    return str(adapter) if adapter is not None and has_words(adapter) else base


def has_words(adapter: Path) -> bool:
    """Whether there is a tokenizer beside the weights: it has new tokens, or a chat template of its own."""
    return any((adapter / name).is_file() for name in TOKENIZERS)
