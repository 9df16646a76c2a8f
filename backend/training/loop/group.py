"""The processes that share the steps of one run, and what they tell each other."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.distributed as dist

from backend.errors import JobError

Stop = Literal["save", "discard"]
STOPS: tuple[Stop | None, ...] = (None, "save", "discard")


@dataclass(frozen=True)
class Group:
    """Which of them this process is, how many there are, and how they share the model. One alone asks nobody.

    Every method is called by all of them, at the same place of the program.
    """

    rank: int = 0
    ranks: int = 1
    sharding: Literal["ddp", "fsdp2"] = "ddp"

    @classmethod
    def joined(cls, wanted: int, sharding: Literal["ddp", "fsdp2"]) -> "Group":
        """The group that this process has joined; JobError when it is another than was wanted."""
        found = dist.get_world_size() if dist.is_initialized() else 1
        if found != wanted:
            raise JobError("training.not_together", wanted=wanted, found=found)
        return cls(dist.get_rank(), wanted, sharding)

    @property
    def first(self) -> bool:
        """Whether this process speaks and writes for all."""
        return self.rank == 0

    @property
    def in_parts(self) -> bool:
        """Whether each process holds only a part of the model."""
        return self.ranks > 1 and self.sharding == "fsdp2"

    def most(self, value: int) -> int:
        """The largest number that any of them has."""
        if self.ranks == 1:
            return value
        told = torch.tensor(value, device="cuda" if dist.get_backend() == "nccl" else "cpu")
        dist.all_reduce(told, dist.ReduceOp.MAX)
        return int(told)

    def any(self, *, here: bool) -> bool:
        """Whether it is so with any of them."""
        return bool(self.most(int(here)))

    def stop(self, asked: Callable[[], Stop | None]) -> Callable[[], Stop | None]:
        """`asked`, answered alike by all: one that was asked to stop stops them all."""
        return lambda: STOPS[self.most(STOPS.index(asked()))]

    def told(self, make: Callable[[], Any]) -> Any:
        """What the first of them makes."""
        if self.ranks == 1:
            return make()
        said = [make() if self.first else None]
        dist.broadcast_object_list(said, src=0)
        return said[0]

    def each(self, value: Any) -> list[Any]:
        """What every one of them has, in their order."""
        if self.ranks == 1:
            return [value]
        found: list[Any] = [None] * self.ranks
        dist.all_gather_object(found, value)
        return found


ALONE = Group()
