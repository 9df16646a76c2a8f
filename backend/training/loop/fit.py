"""How a run is made to fit into memory: how many documents at once, and whether activations are recomputed."""

from dataclasses import dataclass
from math import ceil

import psutil
import torch

from backend.errors import JobError
from backend.training.request import TrainRequest


@dataclass(frozen=True)
class Fit:
    """`micro`: documents that go through the model at once. The effective batch is the same for every fit."""

    micro: int
    checkpointing: bool


def fit(request: TrainRequest, memory_failures: int, device: torch.device) -> Fit:
    """Halve the micro-batch after each time memory ran out; at one document recompute activations; then give up.

    JobError when nothing smaller is left.
    """
    recipe = request.recipe
    wanted = recipe.compute.gradient_checkpointing
    checkpointing = wanted == "on" or (wanted == "auto" and _too_large(request, device))
    share = ceil(recipe.effective_batch / recipe.compute.devices)
    most = min(recipe.batch.size, share)
    micro = most >> memory_failures
    if micro >= 1:
        return Fit(micro, checkpointing)
    if memory_failures == most.bit_length() and not checkpointing:
        return Fit(1, checkpointing=True)
    raise JobError("training.no_memory", length=recipe.batch.max_length)


def _too_large(request: TrainRequest, device: torch.device) -> bool:
    """Whether the forecast says that activations would not fit as they are."""
    if request.forecast.get("gradient_checkpointing"):
        return True
    if request.forecast_bytes is None:
        return False
    needed = int(request.forecast.get("needed_bytes") or request.forecast_bytes)
    if device.type == "cuda":
        return needed > torch.cuda.mem_get_info(device)[0]
    # What this process holds already is part of the forecast, and no longer free.
    return needed - psutil.Process().memory_info().rss > psutil.virtual_memory().available
