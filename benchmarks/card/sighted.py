"""Qwen2-VL with random weights, written as a checkpoint in parts, with its own processor and words made here."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers as hf
from safetensors.torch import save_file
from torch import Tensor

from benchmarks.card.weights import SPREAD
from benchmarks.forecasting.seeing import BEGIN, END, FILM, MARK, number, words

# Numbers of one file: more than any single tensor has.
PART = 1_000_000_000


@dataclass(frozen=True)
class Shape:
    """What a config says of the language model and of the tower; pictures of `picture` pixels (width, height)."""

    text: dict[str, Any]
    vision: dict[str, Any]
    picture: tuple[int, int]

    def config(self, tokenizer: hf.PreTrainedTokenizerFast) -> hf.Qwen2VLConfig:
        """With the marks of this tokenizer."""
        marks = {"image": MARK, "video": FILM, "vision_start": BEGIN, "vision_end": END}
        numbers: dict[str, Any] = {f"{name}_token_id": number(tokenizer, mark) for name, mark in marks.items()}
        return hf.Qwen2VLConfig(
            text_config=self.text,
            vision_config=self.vision,
            tie_word_embeddings=False,
            architectures=["Qwen2VLForConditionalGeneration"],
            **numbers,
        )


def _rope(section: list[int]) -> dict[str, Any]:
    return {"rope_type": "default", "rope_theta": 1e6, "mrope_section": section}


# Hugging Face: config.json of Qwen/Qwen2-VL-7B-Instruct; a picture of Flickr30k is about 500 x 375. "tiny" is for
# trying the command out.
SHAPES = {
    "tiny": Shape(
        {
            "vocab_size": 4400, "hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2,
            "num_attention_heads": 2, "num_key_value_heads": 1, "rope_parameters": _rope([8, 12, 12]),
        },
        {"depth": 2, "embed_dim": 64, "hidden_size": 128, "num_heads": 2, "mlp_ratio": 2, "patch_size": 14},
        (112, 84),
    ),
    "7b": Shape(
        {
            "vocab_size": 152_064, "hidden_size": 3584, "intermediate_size": 18_944, "num_hidden_layers": 28,
            "num_attention_heads": 28, "num_key_value_heads": 4, "max_position_embeddings": 32_768,
            "rms_norm_eps": 1e-6, "rope_parameters": _rope([16, 24, 24]),
        },
        {"depth": 32, "embed_dim": 1280, "hidden_size": 3584, "num_heads": 16, "mlp_ratio": 4, "patch_size": 14},
        (500, 375),
    ),
}  # fmt: skip


def write(folder: Path, shape: Shape, device: torch.device) -> Path:
    """A checkpoint in bfloat16 with its processor; the numbers are drawn on `device`, a file at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = words(f"{BEGIN}{MARK}{END}")
    processor(tokenizer).save_pretrained(folder)
    config = shape.config(tokenizer)
    config.dtype = torch.bfloat16
    config.save_pretrained(folder)
    torch.manual_seed(0)
    where: dict[str, str] = {}
    total = 0
    for at, tensors in enumerate(_parts(config, device)):
        name = f"model-{at:05d}.safetensors"
        save_file(tensors, folder / name, {"format": "pt"})
        where |= dict.fromkeys(tensors, name)
        total += sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    index = {"metadata": {"total_size": total}, "weight_map": where}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    if device.type == "cuda":
        torch.cuda.empty_cache()
    return folder


def processor(tokenizer: hf.PreTrainedTokenizerBase) -> hf.ProcessorMixin:
    """Hugging Face: preprocessor_config.json of Qwen/Qwen2-VL-7B-Instruct."""
    pictures = hf.Qwen2VLImageProcessor(patch_size=14, merge_size=2, min_pixels=56 * 56, max_pixels=12_845_056)
    film = hf.Qwen2VLVideoProcessor(patch_size=14)
    return hf.Qwen2VLProcessor(pictures, tokenizer, film, chat_template=tokenizer.chat_template)


def _parts(config: hf.Qwen2VLConfig, device: torch.device) -> Iterator[dict[str, Tensor]]:
    """All weights, in dictionaries of at most `PART` numbers."""
    with torch.device("meta"):
        empty = hf.Qwen2VLForConditionalGeneration(config).state_dict()
    part: dict[str, Tensor] = {}
    taken = 0
    for name, tensor in empty.items():
        if part and taken + tensor.numel() > PART:
            yield part
            part, taken = {}, 0
        part[name] = _drawn(name, tensor, device)
        taken += tensor.numel()
    yield part


def _drawn(name: str, empty: Tensor, device: torch.device) -> Tensor:
    """As a model is begun: a norm leaves things as they are, nothing is added, and all else is of chance."""
    if empty.dim() == 1:
        return torch.full(empty.shape, 0.0 if name.endswith("bias") else 1.0, dtype=torch.bfloat16)
    return torch.empty(empty.shape, dtype=torch.bfloat16, device=device).normal_(0, SPREAD).cpu()
