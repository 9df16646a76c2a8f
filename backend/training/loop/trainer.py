"""Learning to write answers or texts: transformers.Trainer with our loss."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import Trainer, TrainingArguments

from backend.training.loop.course import Course
from backend.training.loop.watched import Watched
from backend.training.network.adapter import Network
from backend.training.network.measure import batch_loss
from backend.training.network.noise import Noise
from backend.training.text.batches import Batch


class StudioTrainer(Watched, Trainer):
    """One run on conversations or texts."""

    def __init__(self, model: Network, args: TrainingArguments, course: Course) -> None:
        super().__init__(model=model, args=args, train_dataset=course.documents)
        self.follow(model, course)
        self._noise = Noise(model, course.recipe.schedule.neftune) if course.recipe.schedule.neftune else None

    def _get_num_items_in_batch(self, batch_samples: list[Batch], device: torch.device) -> Tensor | None:
        """Learned tokens of the whole effective batch: over micro-batches, and over ranks."""
        own = torch.tensor(sum(_tensor(batch["targets"]).numel() for batch in batch_samples), device=device)
        return self.accelerator.gather(own).sum() if self.args.world_size > 1 else own

    def compute_loss(
        self,
        model: nn.Module,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """This micro-batch's part of the mean loss per learned token of the effective batch."""
        self.state.num_input_tokens_seen += _tensor(inputs["input_ids"]).numel()
        if self._noise:
            self._noise.bounds = _tensor(inputs["cu_seq_lens_q"])
        total = batch_loss(model, dict(inputs), self.course.head)
        assert num_items_in_batch is not None
        # Ranks average their gradients, so each rank's part counts as many times as there are ranks.
        return total / num_items_in_batch * self.args.world_size


def _tensor(value: Tensor | int) -> Tensor:
    assert isinstance(value, Tensor)
    return value
