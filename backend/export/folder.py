"""A merged model as a folder that transformers, vLLM and the studio open. Heavy."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig, PreTrainedModel

from backend.export.merge import merged
from backend.export.source import Source
from backend.inference.decoding.voice import SeeingVoice, Voice
from backend.sight.eyes import Eyes
from backend.sight.load import load_processor, looks

TOKENIZER = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
    "merges.txt", "tokenizer.model", "chat_template.jinja",
)  # fmt: skip
PICTURES = ("processor_config.json", "preprocessor_config.json", "video_preprocessor_config.json")
# Where processors kept their template once; one that came with the adapter goes before it.
OLD_TEMPLATE, TEMPLATE = "chat_template.json", "chat_template.jinja"
LEGAL = ("LICENSE", "LICENCE", "NOTICE", "USE_POLICY")
SHARD = "4GB"


def write(source: Source, into: Path, *, dtype: str, rounded: bool) -> None:
    """Fill the folder `into`: safetensors, tokenizer, chat template, the tokens that end an answer, licences; for a
    model that sees, how its pictures are made ready.
    """
    kept = source.quantised if rounded else None
    model = merged(source.base, source.adapter, dtype=getattr(torch, dtype), rounded=kept)
    save(model, into)
    for name in (*TOKENIZER, *PICTURES):
        for place in filter(None, (source.adapter, source.base)):
            if (place / name).is_file():
                shutil.copyfile(place / name, into / name)
                break
    if (source.base / OLD_TEMPLATE).is_file() and not (into / TEMPLATE).is_file():
        shutil.copyfile(source.base / OLD_TEMPLATE, into / OLD_TEMPLATE)
    for path in source.base.iterdir():
        if path.is_file() and path.name.upper().startswith(LEGAL):
            shutil.copyfile(path, into / path.name)
    settings = generation(source.base, into)
    (into / "generation_config.json").write_text(json.dumps(settings, indent=1), encoding="utf-8")


def save(model: PreTrainedModel, into: Path) -> None:
    # Settings for generating are written by us: transformers refuses to save some that are in use out there.
    model.generation_config = GenerationConfig()
    model.save_pretrained(into, max_shard_size=SHARD)


def generation(base: Path, words: Path) -> dict[str, Any]:
    """The base's generation_config.json with every token that ends an answer: where the chat stops, others do too."""
    path = base / "generation_config.json"
    known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    named = known.get("eos_token_id")
    ends = {int(end) for end in (named if isinstance(named, list) else [named]) if end is not None}
    every = sorted(ends | _voice(words).ends)
    return known | ({"eos_token_id": every if len(every) > 1 else every[0]} if every else {})


def _voice(words: Path) -> Voice:
    if not looks(words):
        return Voice(str(words))
    processor: Any = load_processor(words)
    return SeeingVoice(str(words), Eyes(processor), processor.tokenizer.chat_template)
