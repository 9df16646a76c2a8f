"""Matrix products in fp32 on a CPU, by whichever library inside torch is faster there.

torch multiplies fp32 matrices with MKL, which keeps to AVX2 on AMD processors; oneDNN, which torch brings as well, uses
AVX-512 on them and was twice as fast (EPYC, one thread: 175 against 85 GFLOP/s). Elsewhere nothing changes.
"""

import platform
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

# Below this many rows (one new token of a few chats) preparing the product costs more than it saves.
FEWEST_ROWS = 64
# oneDNN keeps what it prepared for every number of rows it has met: with the small matrices of a 2M model that was
# 500 MB after 60 steps for a tenth of the time, so they stay with MKL.
NARROWEST = 256


@lru_cache
def onednn_is_faster() -> bool:
    """A property of processor and build, not a measurement: a resumed run must multiply as it did before."""
    described = Path("/proc/cpuinfo")
    text = described.read_text(encoding="utf-8") if described.exists() else platform.processor()
    wide = torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    return "AuthenticAMD" in text and wide and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def times_transposed(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x @ weight.T + bias, without gradients."""
    if not _suits(x, weight):
        return linear(x, weight, bias)
    found: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return found


def _suits(x: Tensor, weight: Tensor) -> bool:
    fp32 = x.dtype is torch.float32 and weight.dtype is torch.float32
    large = min(weight.shape) >= NARROWEST and x.numel() >= FEWEST_ROWS * x.shape[-1]
    return fp32 and large and x.device.type == "cpu" and onednn_is_faster()


class Product(torch.autograd.Function):
    """`times_transposed` with gradients: of x, and of weight and bias where they are trained."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x if ctx.needs_input_grad[1] else None, weight)
        return times_transposed(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        slope = outer[0].contiguous()
        to_x, to_weight, to_bias = ctx.needs_input_grad
        flat = slope.flatten(0, -2)
        return (
            times_transposed(slope, weight.t()) if to_x else None,
            times_transposed(flat.t(), x.flatten(0, -2).t()) if to_weight else None,
            flat.sum(0) if to_bias else None,
        )


def quicken(model: nn.Module) -> None:
    """Let every plain linear layer of `model` use the faster product; names and parameters stay as they are."""
    if not onednn_is_faster():
        return
    for layer in model.modules():
        if type(layer) is nn.Linear:
            layer.forward = partial(_forward, layer)  # type: ignore[method-assign]


def _forward(layer: nn.Linear, x: Tensor) -> Tensor:
    if not _suits(x, layer.weight) or torch.is_autocast_enabled("cpu"):
        return linear(x, layer.weight, layer.bias)
    found: Tensor = Product.apply(x, layer.weight, layer.bias)
    return found
