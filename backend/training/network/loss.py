"""Cross-entropy of next tokens, in chunks, on the learned positions only.

A model's full logits are tokens x vocabulary; most of them belong to prompts that nobody learns, and all of them are
kept for the backward pass. Here the head is applied to a few hundred learned positions at a time and the gradient is
computed at once, so the logits of one chunk are all that ever exists (the idea of "Cut Your Losses", arXiv 2411.09009,
and of Liger's fused linear cross-entropy, arXiv 2410.10989).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from backend.training.network.products import times_transposed

CHUNK_BYTES = 32 * 2**20


class ChunkedCrossEntropy(torch.autograd.Function):
    """Sum over positions of -log softmax(hidden @ weight.T + bias)[target]; the gradient is made in the forward pass.

    hidden (positions, width), weight (vocabulary, width), bias (vocabulary) or None, targets (positions,). A frozen
    weight or bias costs nothing; `learn=False` leaves all gradients out.
    """

    @staticmethod
    def forward(  # noqa: PLR0913 - autograd takes tensors one by one
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        targets: Tensor,
        learn: bool,
        shape: tuple[float, float | None],
    ) -> Tensor:
        slopes = [
            torch.zeros(tensor.shape, dtype=torch.float32, device=tensor.device)
            if learn and needed and tensor is not None
            else None
            for tensor, needed in zip((hidden, weight, bias), ctx.needs_input_grad, strict=False)
        ]
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        used = weight.to(hidden.dtype)
        rows = max(1, CHUNK_BYTES // (4 * weight.shape[0]))
        for begin in range(0, hidden.shape[0], rows):
            part = slice(begin, begin + rows)
            here = None if slopes[0] is None else slopes[0][part]
            total += _chunk(hidden[part], (used, bias), targets[part], (here, slopes[1], slopes[2]), shape)
        dtypes = (hidden.dtype, weight.dtype, weight.dtype if bias is None else bias.dtype)
        ctx.save_for_backward(*(s if s is None else s.to(dtype) for s, dtype in zip(slopes, dtypes, strict=True)))
        return total

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        return (*(None if slope is None else slope * outer[0] for slope in ctx.saved_tensors), None, None, None)


def _chunk(
    hidden: Tensor,
    head: tuple[Tensor, Tensor | None],
    targets: Tensor,
    slopes: tuple[Tensor | None, Tensor | None, Tensor | None],
    shape: tuple[float, float | None],
) -> Tensor:
    """The summed loss of one chunk; adds its gradients into `slopes`.

    With e = exp(logits - max) and z the sum of a row of e, d loss / d logits = e / z - onehot(target). The division is
    done on the narrow side of each product, so the wide matrix is read and written as seldom as can be. `shape` is
    (scale, cap): logits are scaled, and bent to cap * tanh(logits / cap) where there is a cap.
    """
    (weight, bias), (scale, cap) = head, shape
    wide = times_transposed(hidden, weight).float()
    if bias is not None:
        wide += bias
    if scale != 1:
        wide *= scale
    if cap is not None:
        return _bent_chunk(hidden, weight, wide, targets, (slopes, scale, cap))
    top = wide.amax(-1, keepdim=True)
    chosen = wide.gather(1, targets[:, None])
    wide.sub_(top).exp_()
    z = wide.sum(-1, keepdim=True)
    to_hidden, to_weight, to_bias = slopes
    if to_hidden is not None:
        pulled = times_transposed(wide.to(weight.dtype), weight.t())
        torch.sub(pulled.float() / z, weight[targets].float(), out=to_hidden)
        to_hidden.mul_(scale)
    if to_weight is not None:
        scaled = hidden.float() * (scale / z)
        to_weight.add_(times_transposed(wide.t(), scaled.t())).index_add_(0, targets, hidden.float(), alpha=-scale)
    if to_bias is not None:
        to_bias.add_((wide / z).sum(0), alpha=scale)
        to_bias.index_add_(0, targets, torch.ones_like(targets, dtype=torch.float32), alpha=-scale)
    return (z.log() + top - chosen).sum()


def _bent_chunk(hidden: Tensor, weight: Tensor, wide: Tensor, targets: Tensor, how: tuple[Any, float, float]) -> Tensor:
    """The same where logits are bent: every entry of the gradient is multiplied with the slope of the bend."""
    (to_hidden, to_weight, to_bias), scale, cap = how
    bent = wide.div_(cap).tanh_()
    slope = 1 - bent.square()
    logits = bent * cap
    found = nn.functional.cross_entropy(logits, targets, reduction="sum")
    logits.sub_(logits.logsumexp(-1, keepdim=True)).exp_()
    logits.scatter_add_(1, targets[:, None], torch.full_like(targets[:, None], -1, dtype=logits.dtype))
    pull = logits.mul_(slope).mul_(scale)
    if to_hidden is not None:
        to_hidden.copy_(times_transposed(pull.to(weight.dtype), weight.t()))
    if to_weight is not None:
        to_weight.add_(times_transposed(pull.t(), hidden.float().t()))
    if to_bias is not None:
        to_bias += pull.sum(0)
    return found


def summed_loss(
    hidden: Tensor, head: nn.Linear, targets: Tensor, *, scale: float = 1.0, cap: float | None = None
) -> Tensor:
    """Cross-entropy of `scale * head(hidden)`, summed over positions, without making all the logits.

    `cap`: logits are bent to cap * tanh(logits / cap) before.
    """
    learn, kind = torch.is_grad_enabled(), hidden.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else head.weight.dtype
    with torch.autocast(kind, enabled=False):
        found: Tensor = ChunkedCrossEntropy.apply(
            hidden.to(dtype), head.weight, head.bias, targets, learn, (scale, cap)
        )
    return found


@contextmanager
def without_head(head: nn.Module) -> Iterator[list[Tensor]]:
    """Within it the head does nothing, and what it was given is in the list; parameters and their names stay.

    What the model returns is not that: some models scale or bend what they take for logits.
    """
    before, given = head.__dict__.get("forward"), list[Tensor]()

    def unchanged(hidden: Tensor) -> Tensor:
        given.append(hidden)
        return hidden

    head.forward = unchanged
    try:
        yield given
    finally:
        del head.forward
        if before is not None:
            head.forward = before
