"""A new adapter over an earlier one: the earlier one is attached frozen, and both are kept as one adapter.

W + s₁ B₁ A₁ + s₂ B₂ A₂ is W + [s₁B₁ s₂B₂] [A₁; A₂]: the base stays as it is (a rounded one is not rounded again), and
what is saved is an ordinary adapter of rank r₁ + r₂ whose scaling is 1.
"""

import json
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import linear
from transformers import PreTrainedModel

from backend.errors import ModelError
from backend.models.adapters import CONFIG, LORA, TENSORS

PREFIX, DOWN, UP = "base_model.model.", ".lora_A.weight", ".lora_B.weight"
# What makes an adapter more than a sum of products, so that it cannot stand beside another one.
NOT_PLAIN = ("use_dora", "modules_to_save", "trainable_token_indices", "lora_bias", "rank_pattern", "alpha_pattern")
Pairs = dict[str, tuple[Tensor, Tensor]]


def attach(base: PreTrainedModel, adapter: Path) -> None:
    """Let every layer that the adapter in this folder is for add the adapter's update to what it returns.

    ModelError for an adapter that is not plain LoRA. Nothing of it is trained or saved.
    """
    for name, (down, up) in pairs(adapter).items():
        layer = base.get_submodule(name)
        device = next(layer.parameters()).device
        layer.register_forward_hook(partial(_add, down.to(device), up.to(device)))


def _add(down: Tensor, up: Tensor, _: nn.Module, given: tuple[Tensor, ...], result: Tensor) -> Tensor:
    return result + linear(linear(given[0].to(down.dtype), down), up).to(result.dtype)


def join(earlier: Path, folder: Path) -> None:
    """Put the earlier adapter before the one in `folder`: their sum, as one adapter."""
    first, second = pairs(earlier), pairs(folder)
    config = _config(folder)
    ranks = [_config(earlier)["r"], config["r"]]
    shapes = {name: (down.shape[1], up.shape[0]) for name, (down, up) in (first | second).items()}
    found = {}
    for name, (inputs, outputs) in shapes.items():
        parts = [
            have.get(name) or (torch.zeros(rank, inputs), torch.zeros(outputs, rank))
            for have, rank in zip((first, second), ranks, strict=True)
        ]
        found[f"{PREFIX}{name}{DOWN}"] = torch.cat([down for down, _ in parts], 0).contiguous()
        found[f"{PREFIX}{name}{UP}"] = torch.cat([up for _, up in parts], 1).contiguous()
    rank = sum(ranks)
    config |= {"r": rank, "lora_alpha": rank, "use_rslora": False, "target_modules": _targets(earlier, folder)}
    save_file(found, folder / TENSORS, metadata={"format": "pt"})
    (folder / CONFIG).write_text(json.dumps(config, indent=2), encoding="utf-8")


def pairs(folder: Path) -> Pairs:
    """A, and B times the scaling, in fp32, by the name of the layer that they are for; ModelError as `attach`."""
    config, tensors = _config(folder), load_file(folder / TENSORS)
    scale = config["lora_alpha"] / (config["r"] ** 0.5 if config.get("use_rslora") else config["r"])
    if any(config.get(name) for name in NOT_PLAIN) or not all(LORA.search(name) for name in tensors):
        raise ModelError("chains.not_plain")
    names = [name.removeprefix(PREFIX).removesuffix(DOWN) for name in tensors if name.endswith(DOWN)]
    return {
        name: (tensors[f"{PREFIX}{name}{DOWN}"].float(), tensors[f"{PREFIX}{name}{UP}"].float() * scale)
        for name in names
    }


def _targets(*folders: Path) -> list[str]:
    found: set[str] = set()
    for folder in folders:
        found.update(_config(folder)["target_modules"])
    return sorted(found)


def _config(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    return found
