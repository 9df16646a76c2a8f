"""Sharing a model among the processes of a group, and making sure that it is shared before anything is trained."""

from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
from peft import PeftModel
from torch import nn
from torch.distributed.fsdp import FSDPModule
from torch.nn.parallel import DistributedDataParallel
from transformers import TrainerCallback, TrainingArguments

from backend.errors import JobError
from backend.training.checkpoints import Checkpoint, Checkpoints, Damaged
from backend.training.loop.group import ALONE, Group
from backend.training.network.adapter import Network
from backend.training.network.targets import blocks
from backend.training.ranks.shards import Sharded, share

# Nothing in them changes while a model trains. The name of the option did, after torch 2.11.
OPTION = "forward_sync_buffers"
BUFFERS: dict[str, Any] = {
    OPTION if OPTION in signature(DistributedDataParallel).parameters else "broadcast_buffers": False
}


def root_of(model: Network) -> nn.Module:
    """The model that is cut up: what an adapter is put on, which answers and evaluations go through as well."""
    found: nn.Module = model.get_base_model() if isinstance(model, PeftModel) else model
    return found


def split(model: Network, group: Group, device: torch.device) -> None:
    """Leave this process its part of the model, where the group keeps it in parts; before the optimizer is made."""
    if group.in_parts:
        share(root_of(model), blocks(root_of(model)), device.type, group.ranks)


def shared(model: Network, group: Group) -> nn.Module:
    """What the trainer trains: the same model, so that every step is one step of all."""
    if group.in_parts:
        return Sharded(model, root_of(model))
    on_card = model.device.type == "cuda"
    # The head is used outside of the model's forward pass, so nothing can be told from what that returns.
    return DistributedDataParallel(
        model, device_ids=[model.device] if on_card else None, find_unused_parameters=False, **BUFFERS
    )


class Trained(Protocol):
    """What is looked at before the first step."""

    model_wrapped: Any
    args: TrainingArguments
    course: Any


class Together(TrainerCallback):
    """JobError before the first step when the libraries have made something else of the group than was asked."""

    def __init__(self, trainer: Trained) -> None:
        self.trainer = trainer

    def on_train_begin(self, args: TrainingArguments, *_: Any, **__: Any) -> None:
        group: Group = self.trainer.course.group
        if group.ranks == 1:
            return
        require(self.trainer.model_wrapped, args.world_size, group)


def require(wrapped: nn.Module, world: int, group: Group) -> None:
    """JobError when not all of the group train, or the model is shared in another way than was asked."""
    if world != group.ranks:
        raise JobError("training.not_together", wanted=group.ranks, found=world)
    found = kind(wrapped)
    if found != group.sharding:
        raise JobError("training.not_wrapped", wanted=group.sharding.upper(), found=found)


def kind(wrapped: nn.Module) -> str:
    """How a model is shared: "ddp", "fsdp2", or the name of whatever it is."""
    if isinstance(wrapped, DistributedDataParallel):
        return "ddp"
    if isinstance(wrapped, Sharded) and isinstance(wrapped.root, FSDPModule):
        return "fsdp2"
    return type(wrapped).__name__


class Found(NamedTuple):
    """As `Checkpoints.newest`."""

    newest: Checkpoint | None
    damaged: list[Damaged]


@dataclass(frozen=True)
class Shared(Checkpoints):
    """Checkpoints of a group: the first writes, looks and clears up; the others give what they have, and are told."""

    group: Group = ALONE

    @classmethod
    def of(cls, kept: Checkpoints, group: Group) -> Checkpoints:
        return kept if group.ranks == 1 else cls(kept.folder, kept.identity, kept.keep, group)

    def save(self, step: int, write: Any) -> Path:
        if self.group.first:
            return super().save(step, write)
        write(self.folder)
        return self._path(step)

    def newest(self) -> tuple[Checkpoint | None, list[Damaged]]:
        found: tuple[Checkpoint | None, list[Damaged]] = self.group.told(super().newest)
        return found

    def forget(self, step: int) -> None:
        if self.group.first:
            super().forget(step)
