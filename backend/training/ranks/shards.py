"""A model of which every process holds a part: FSDP2 (arXiv 2304.11277), and what it is as a whole.

What is saved is always whole, so a checkpoint is the same file whether one process made it or several.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

Whole = dict[str, Tensor]


def share(root: nn.Module, blocks: Iterable[nn.Module], kind: str, ranks: int) -> None:
    """Give every process its part of each block, and of what is besides them. `kind`: "cpu" or "cuda"."""
    mesh = init_device_mesh(kind, (ranks,))
    for block in blocks:
        fully_shard(block, mesh=mesh)
    fully_shard(root, mesh=mesh)


class Sharded(nn.Module):
    """What a trainer is given to train: the model whose parts lie with the processes, as `root` knows."""

    def __init__(self, model: nn.Module, root: nn.Module) -> None:
        super().__init__()
        self.module = model
        self.root = root if isinstance(root, FSDPModule) else None

    def forward(self, *positional: Any, **named: Any) -> Any:
        return self.module(*positional, **named)

    @contextmanager
    def no_sync(self) -> Iterator[None]:
        """Inside, gradients are added up where they are; they are exchanged once, after the last micro-batch."""
        assert self.root is not None
        self.root.set_requires_gradient_sync(False)
        try:
            yield
        finally:
            self.root.set_requires_gradient_sync(True)


def part(root: nn.Module) -> None:
    """Leave this process its part again of what was last looked at as a whole.

    What stands beside the blocks stays whole after a forward pass that nothing was learned from. An optimizer that is
    made then would change copies.
    """
    if isinstance(root, FSDPModule):
        root.reshard()


def whole_weights(model: nn.Module) -> Whole | None:
    """The trained weights in one piece, on the processor; None where they are in one piece. All processes call this."""
    trained = {name: value for name, value in model.named_parameters() if value.requires_grad}
    if not any(isinstance(value, DTensor) for value in trained.values()):
        return None
    return {name: whole(value.detach()) for name, value in trained.items()}


def whole(value: Any) -> Any:
    """The same in one piece, where it is a tensor in parts. All processes call this."""
    return value.full_tensor().cpu() if isinstance(value, DTensor) else value


def whole_state(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """What an optimizer remembers, in one piece. All processes call this."""
    kept = optimizer.state_dict()
    state = {at: {name: whole(value) for name, value in each.items()} for at, each in kept["state"].items()}
    return {**kept, "state": state}


def spread(tensors: Whole, model: nn.Module) -> Whole:
    """Whole tensors in parts, as the weights of this model are; the same where those are whole."""
    like = next((value for value in model.parameters() if isinstance(value, DTensor)), None)
    if like is None:
        return tensors
    return {
        name: distribute_tensor(value.to(like.device), like.device_mesh, like.placements)
        for name, value in tensors.items()
    }


def spread_state(optimizer: torch.optim.Optimizer) -> None:
    """Put what an optimizer has just been given as a whole where the parts of its weights are."""
    for weight, state in optimizer.state.items():
        if isinstance(weight, DTensor):
            state |= {name: _like(value, weight) for name, value in state.items()}


def local(value: Tensor) -> Tensor:
    """This process's part."""
    return value.to_local() if isinstance(value, DTensor) else value


def _like(value: Any, weight: DTensor) -> Any:
    if not isinstance(value, Tensor) or isinstance(value, DTensor) or value.shape != weight.shape:
        return value
    return distribute_tensor(value, weight.device_mesh, weight.placements)
