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
from backend.training.text.batches import NOTHING, Batch

COUNTED = ("targets", "input_ids")


class StudioTrainer(Watched, Trainer):
    """One run on conversations or texts."""

    def __init__(self, model: Network, args: TrainingArguments, course: Course) -> None:
        super().__init__(model=model, args=args, train_dataset=course.documents)
        self.follow(model, course)
        self._noise = Noise(model, course.recipe.schedule.neftune) if course.recipe.schedule.neftune else None

    def _get_num_items_in_batch(self, batch_samples: list[Batch], device: torch.device) -> Tensor | None:
        """Learned tokens of the whole effective batch: over micro-batches, and over ranks. All that is read counts."""
        real = [batch for batch in batch_samples if NOTHING not in batch]
        own = torch.tensor([sum(_tensor(one[name]).numel() for one in real) for name in COUNTED], device=device)
        learned: Tensor
        learned, read = self.accelerator.gather(own).view(-1, 2).sum(0) if self.args.world_size > 1 else own
        self.state.num_input_tokens_seen += int(read)
        return learned

    def compute_loss(
        self,
        model: nn.Module,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """This micro-batch's part of the mean loss per learned token of the effective batch."""
        if self._noise:
            self._noise.bounds = _tensor(inputs["cu_seq_lens_q"])
        given = dict(inputs)
        counts = 1 - int(given.pop(NOTHING, 0))
        total = batch_loss(model, given, self.course.head) * counts
        assert num_items_in_batch is not None
        # Ranks average their gradients, so each rank's part counts as many times as there are ranks.
        return total / num_items_in_batch * self.args.world_size


def _tensor(value: Tensor | int) -> Tensor:
    assert isinstance(value, Tensor)
    return value
