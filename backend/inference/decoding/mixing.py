"""Several LoRA adapters, and none, in one batch: each row of the batch passes through its own.

peft can do that with `adapter_names`, at 0.49-0.67 of the speed of the base model on a CPU; here every layer adds
`alpha / rank * B A x` to its rows in one fused call (0.66-0.86 of the base, the same tokens; docs/decisions.md).
"""

from collections.abc import Callable
from typing import Any

import torch
from peft.tuners.lora.layer import LoraLayer

Groups = list[tuple[str, torch.Tensor | None]]


class Mixer:
    """Which adapter each row of the next forward pass uses; None in `rows` is the base model alone."""

    def __init__(self) -> None:
        self._rows: list[str | None] = []
        self.groups: Groups = []

    def use(self, rows: list[str | None], device: torch.device) -> None:
        if rows == self._rows:
            return
        self._rows = list(rows)
        names = [name for name in dict.fromkeys(rows) if name is not None]
        self.groups = [(name, where(name, rows, device)) for name in names]

    def take_over(self, model: torch.nn.Module) -> None:
        """Let the LoRA layers of `model`, also those added since the last call, do what this mixer says."""
        for layer in model.modules():
            if isinstance(layer, LoraLayer) and not getattr(layer, "mixed", False):
                layer.forward = mixed_forward(layer, self)
                layer.mixed = True  # type: ignore[assignment]


def where(name: str, rows: list[str | None], device: torch.device) -> torch.Tensor | None:
    """The numbers of the rows that use `name`; None when all do."""
    found = [number for number, used in enumerate(rows) if used == name]
    return None if len(found) == len(rows) else torch.tensor(found, device=device)


def mixed_forward(layer: Any, mixer: Mixer) -> Callable[..., torch.Tensor]:
    """LoRA (arXiv 2106.09685) of a linear layer, row by row; `x` has shape (rows, tokens, features)."""

    def forward(x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = layer.base_layer(x)
        for name, rows in mixer.groups:
            if name in layer.lora_A:
                add(out, x, layer.lora_A[name].weight, layer.lora_B[name].weight, (layer.scaling[name], rows))
        return out

    return forward


def add(
    out: torch.Tensor, x: torch.Tensor, a: torch.Tensor, b: torch.Tensor, how: tuple[float, torch.Tensor | None]
) -> None:
    """Add `scaling * B A x` to `out` in place; the product is made in the adapter's own precision."""
    scaling, rows = how
    mine = x if rows is None else x.index_select(0, rows)
    change = mine.to(a.dtype) @ a.t() @ b.t()
    if rows is None:
        out.add_(change.to(out.dtype), alpha=scaling)
    else:
        out.index_add_(0, rows, change.to(out.dtype), alpha=scaling)
