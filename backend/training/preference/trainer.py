"""Learning which of two answers is the better one: TRL's DPO with our order, checkpoints and events.

Heavy, and opened only for such a run: TRL brings libraries that no other run needs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from math import ceil, isfinite
from typing import Any

import torch
from datasets import Dataset
from peft import PeftModel
from torch import Tensor
from transformers import PreTrainedTokenizerBase
from trl import DPOConfig, DPOTrainer

from backend.jobs.events import Rewards
from backend.recipes.parts.adapting import Preference
from backend.training.loop.course import Course
from backend.training.loop.watched import Watched
from backend.training.network.adapter import Network
from backend.training.network.measure import MOST_EACH, Measured
from backend.training.text.batches import Batch
from backend.training.text.pairs import Pair
from backend.training.text.tokens import ADAPTER

REFERENCE = "ref"  # as TRL calls the copy of an adapter that it compares with


@dataclass(frozen=True)
class Told:
    """What TRL has said of one micro-batch."""

    pairs: int
    rewards: Rewards


def settings(wanted: Preference) -> dict[str, Any]:
    """What the recipe says about preferences, in TRL's words. Answers were cut before."""
    return {
        "beta": wanted.beta,
        "loss_type": [wanted.loss],
        "label_smoothing": wanted.flipped if wanted.loss == "robust" else 0.0,
        "max_length": None,
    }


class PreferenceTrainer(Watched, DPOTrainer):
    """One run on pairs of answers.

    What the answers are compared with is the model as it was before the first step: the base without its adapter
    where the adapter began at nothing, a frozen copy of the adapter where it began elsewhere, a frozen copy of the
    model where that is trained itself.
    """

    def __init__(
        self, model: Network, args: dict[str, Any], course: Course, tokenizer: PreTrainedTokenizerBase
    ) -> None:
        """`args`: those of transformers by name."""
        with _as_it_is(model):
            super().__init__(
                model=model,
                ref_model=None if isinstance(model, PeftModel) else deepcopy(model).requires_grad_(requires_grad=False),
                args=DPOConfig(**args, **settings(course.recipe.preference)),
                # The pairs come from the course; TRL wants to see how one looks.
                train_dataset=Dataset.from_list([course.documents[0].example]),
                processing_class=tokenizer,
            )
        if isinstance(model, PeftModel) and _begins_at_nothing(model):
            model.delete_adapter(REFERENCE)
        self.follow(model, replace(course, collate=self._batch))
        self._told: list[Told] = []

    def _batch(self, pairs: list[Pair]) -> Batch:
        """The better answers, then the worse ones, padded at the right."""
        made: Batch = self.data_collator([pair.example for pair in pairs])
        return made

    def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
        """They are tokens already."""
        return dataset

    def _send_telemetry(self) -> None:
        """Nothing is sent anywhere."""

    def _get_num_items_in_batch(self, batch_samples: list[Batch], device: torch.device) -> Tensor | None:
        """Pairs of the whole effective batch: over micro-batches, and over ranks."""
        own = torch.tensor(sum(map(_pairs, batch_samples)), device=device)
        return self.accelerator.gather(own).sum() if self.args.world_size > 1 else own

    def compute_loss(
        self,
        model: Any,
        inputs: Any,
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:
        """This micro-batch's part of the mean loss per pair of the effective batch; without one, its own mean."""
        loss = super().compute_loss(model, inputs)  # type: ignore[no-untyped-call]
        if num_items_in_batch is None:
            return loss
        self.state.num_input_tokens_seen += int(inputs["attention_mask"].sum())
        self._told.append(self._taken("train", _pairs(inputs)))
        return loss * (_pairs(inputs) / num_items_in_batch * self.args.world_size)

    def _taken(self, mode: str, pairs: int) -> Told:
        """What TRL has noted since the last call."""
        noted = {name: values[-1] for name, values in self._metrics[mode].items()}
        self._metrics[mode].clear()
        return Told(
            pairs,
            Rewards(
                chosen=noted["rewards/chosen"],
                rejected=noted["rewards/rejected"],
                accuracy=noted["rewards/accuracies"],
            ),
        )

    def rewards(self) -> Rewards | None:
        told, self._told = self._told, []
        return _mean(told)

    def measured(self) -> Measured:
        """Pair by pair, so that each has a loss of its own."""
        losses, told = [], []
        for pair in self.course.held_out:
            inputs = self._prepare_inputs(self._batch([pair]))
            with torch.autocast(self.network.device.type, torch.bfloat16, enabled=self.args.bf16):
                losses.append(float(self.compute_loss(self.network, inputs)))
            told.append(self._taken("eval", 1))
        spread = losses[:: ceil(len(losses) / MOST_EACH)]
        each = tuple(round(loss, 5) if isfinite(loss) else None for loss in spread)
        return Measured(sum(losses) / len(losses), each, _mean(told))


@contextmanager
def _as_it_is(model: Network) -> Iterator[None]:
    """Inside, TRL copies the adapter but begins none anew, which PiSSA would take out of the weights once more; and
    behind it the adapter is as it was: TRL rounds it to bf16 beside a quantised model.
    """
    if not isinstance(model, PeftModel):
        yield
        return
    config: Any = model.peft_config[ADAPTER]
    begun, config.init_lora_weights = config.init_lora_weights, True
    numbers = [(parameter, parameter.data) for parameter in model.parameters() if parameter.requires_grad]
    yield
    config.init_lora_weights = begun
    for parameter, data in numbers:
        parameter.data = data


def _begins_at_nothing(model: PeftModel) -> bool:
    """B is zero in every layer, so the model says what its base says."""
    return not any(bool(value.any()) for name, value in model.named_parameters() if f".lora_B.{ADAPTER}." in name)


def _pairs(batch: Any) -> int:
    return int(batch["input_ids"].shape[0]) // 2


def _mean(told: list[Told]) -> Rewards | None:
    """Per pair, rounded to what a curve can show; None where one is no number."""
    count = sum(one.pairs for one in told)
    if not count:
        return None
    found = {
        name: sum(one.pairs * getattr(one.rewards, name) for one in told) / count
        for name in ("chosen", "rejected", "accuracy")
    }
    return Rewards(**found) if all(map(isfinite, found.values())) else None
