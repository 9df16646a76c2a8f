"""Which optimizer makes the steps, whether it runs here, and which weights learn at which rate."""

import warnings
from typing import Any

import torch
from peft import PeftModel
from peft.optimizers import create_loraplus_optimizer
from torch import nn
from transformers import Trainer, TrainingArguments

from backend.errors import JobError
from backend.recipes.schema import Recipe

NAMES = {
    "adamw": "adamw_torch_fused",
    "paged_adamw": "paged_adamw_32bit",
    "adamw_8bit": "adamw_8bit",
    "paged_adamw_8bit": "paged_adamw_8bit",
    "adafactor": "adafactor",
}
# What a library says in which a kind of device is missing, or which is missing itself.
NOT_HERE = (RuntimeError, ValueError, ImportError, AttributeError, TypeError)
# bitsandbytes keeps smaller tensors in 32 bits.
PROBE = (128, 64)


def require(recipe: Recipe, args: TrainingArguments, device: torch.device) -> list[str]:
    """What the libraries say to this optimizer on this device: one step is tried. JobError when it cannot be made."""
    number = nn.Parameter(torch.ones(PROBE, device=device))
    number.grad = torch.ones(PROBE, device=device)
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            made, options = Trainer.get_optimizer_cls_and_kwargs(args)
            made([number], **options).step()
    except NOT_HERE as error:
        name = recipe.schedule.optimizer
        raise JobError("training.optimizer_not_here", name=name, device=device.type.upper()) from error
    # bitsandbytes says so of its paged optimizers on a processor.
    return list(
        dict.fromkeys(str(one.message).partition(".")[0] for one in said if "not supported" in str(one.message))
    )


def faster_b(model: nn.Module, args: TrainingArguments, ratio: float) -> torch.optim.Optimizer:
    """An optimizer in which B of every adapter learns `ratio` times as fast as A (LoRA+, arXiv 2402.12354)."""
    kind, options = Trainer.get_optimizer_cls_and_kwargs(args)
    known: Any = {**options, "loraplus_weight_decay": args.weight_decay}
    assert isinstance(model, PeftModel)
    return create_loraplus_optimizer(model, kind, loraplus_lr_ratio=ratio, **known)


def schedule(recipe: Recipe, steps: int) -> dict[str, Any]:
    """What transformers wants to know about the recipe's scheduler besides its name."""
    wanted = recipe.schedule
    if wanted.scheduler == "cosine_with_restarts":
        return {"num_cycles": wanted.cycles}
    if wanted.scheduler == "cosine_with_min_lr":
        return {"min_lr_rate": wanted.lowest_rate}
    if wanted.scheduler == "polynomial":
        return {"lr_end": wanted.lowest_rate * wanted.learning_rate}
    if wanted.scheduler == "warmup_stable_decay":
        return {"num_decay_steps": max(1, round(wanted.decay_share * steps))}
    return {}
