"""A run from its first step to its last: what is said after each, when to look at the model, when to stop."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor, nn

from backend.errors import DataError
from backend.jobs import events
from backend.training.checkpoints import Checkpoint
from backend.training.loop.course import Course, DivergedError
from backend.training.loop.kept import Kept
from backend.training.loop.sharing import root_of
from backend.training.network import optimizer
from backend.training.network.adapter import Network
from backend.training.network.measure import Measured, measured
from backend.training.ranks.shards import part, whole
from backend.training.text.batches import Batch

STRIKES = 3


class Watched(Kept):
    """Any trainer of transformers becomes one of ours with this before it. `stopped` says how it was asked to stop,
    if it was.
    """

    def follow(self, model: Network, course: Course) -> None:
        super().follow(model, course)
        self.stopped: str | None = None
        self._first = 0
        self._strikes = 0
        self._evaluated = self._answered = -1

    def go(self, checkpoint: Checkpoint | None) -> None:
        """Train from the checkpoint, or from the beginning, to the end or until asked to stop; DivergedError.

        DataError when a text that is streamed can no longer be read; what was learned until then is saved.
        """
        if not self.course.group.first:
            # Every process draws its own chances, or two examples of one step would lose the same numbers to dropout.
            torch.manual_seed(self.course.recipe.compute.seed + self.course.group.rank)
        if checkpoint is None:
            self.look(0)
            self.course.watch.begin(0, 0)
        else:
            self._first = self._saved = checkpoint.step
            self._best.resume(checkpoint.step)
            if self.course.windows:
                self.course.windows.resume(checkpoint.path, checkpoint.step)
        self.network.train()
        self.course.watch.phase("training")
        try:
            self.train(resume_from_checkpoint=str(checkpoint.path) if checkpoint else None)
        except DataError:
            # All of a step is read before any of it is learned: the model stands between two steps. Several processes
            # may have noticed at different ones, and then there is nothing that they could save together.
            if self.state.global_step > 0 and self.course.group.ranks == 1:
                self._save_checkpoint(self.network, None)
            raise

    # What the loop trains on

    def get_train_dataloader(self) -> Any:
        return self.course.stream(self._first)

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        ratio = self.course.recipe.lora.rate_ratio
        if ratio == 1 or not isinstance(self.network, PeftModel) or self.optimizer is not None:
            return super().create_optimizer(model)
        self.optimizer = optimizer.faster_b(self.network, self.args, ratio)
        return self.optimizer

    def num_examples(self, dataloader: Any) -> int:
        return len(self.course.documents)

    def floating_point_ops(self, inputs: dict[str, Tensor | Any]) -> int:
        """Not counted: transformers walks over all parameters at every step to guess it."""
        return 0

    def training_step(self, model: nn.Module, inputs: Batch, num_items_in_batch: Tensor | int | None = None) -> Tensor:
        """Forward and backward. Without transformers' walk over all modules to set the mode they are in already."""
        with self.compute_loss_context_manager():
            loss: Any = self.compute_loss(model, self._prepare_inputs(inputs), num_items_in_batch=num_items_in_batch)
        self.accelerator.backward(loss)
        found: Tensor = loss.detach()
        return found

    def _clip_grad_norm(self, model: nn.Module) -> Tensor:
        norm: Tensor = whole(nn.utils.clip_grad_norm_(self._trained, self.args.max_grad_norm))
        return norm

    # What happens after each step

    def _maybe_log_save_evaluate(
        self, tr_loss: Tensor, grad_norm: Any, model: nn.Module, *_: Any, learning_rate: float | None = None, **__: Any
    ) -> None:
        step, watching = self.state.global_step, self.course.watching
        if step == self._globalstep_last_logged:
            return
        self._globalstep_last_logged = step
        loss = self.accelerator.gather(tr_loss).mean().item()
        tr_loss.zero_()
        self._say_step(loss, float(grad_norm) if grad_norm is not None else None, learning_rate or 0.0)
        self._strikes = 0 if isfinite(loss) else self._strikes + 1
        if self._strikes >= STRIKES:
            raise DivergedError(step)
        self.stopped = self.course.stop_requested() if step < self.state.max_steps else None
        if self.stopped:
            self.control.should_training_stop = True
        elif step < self.state.max_steps:
            self.look(step, evaluate=step % watching.eval_every == 0, answer=step % watching.answer_every == 0)
        if self.stopped == "save" or (self.stopped is None and step % watching.save_every == 0):
            self._save_checkpoint(model, None)

    def _say_step(self, loss: float, grad_norm: float | None, learning_rate: float) -> None:
        self.course.watch.step(
            events.Step(
                step=self.state.global_step,
                total=self.state.max_steps,
                loss=loss if isfinite(loss) else None,
                learning_rate=learning_rate,
                grad_norm=grad_norm if grad_norm is not None and isfinite(grad_norm) else None,
                tokens=self.state.num_input_tokens_seen,
                tokens_per_second=0.0,
                eta_seconds=None,
                rewards=self.rewards(),
            )
        )

    def rewards(self) -> events.Rewards | None:
        """Of the step that was made; None where nothing is preferred to anything."""
        return None

    def look(self, step: int, *, evaluate: bool = True, answer: bool = True) -> None:
        """Measure the loss on held-out rows and answer the test questions, without touching any random state."""
        watch = self.course.watch
        due = [evaluate and self._evaluated != step and bool(self.course.held_out), answer and self._answered != step]
        if not any(due):
            return
        with self.quiet():
            if due[0]:
                watch.phase("evaluating")
                self._measure(step)
            if due[1]:
                self._answered = step
                self.course.answer(step)
        if self.is_in_train:
            watch.phase("training")

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Inside, the model is looked at and nothing of the training changes, its random state included."""
        self.network.eval()
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            yield
        part(root_of(self.network))
        self.network.train()

    def _measure(self, step: int) -> None:
        found = self.measured()
        self.eval_loss = found.mean
        self._evaluated = step
        loss = found.mean if isfinite(found.mean) else None
        self.course.watch.evaluated(events.Evaluation(step=step, loss=loss, each=found.each, rewards=found.rewards))
        if self._best.judge(found.mean, self.state, self.save_weights):
            self.control.should_training_stop = True

    def measured(self) -> Measured:
        """The loss on the held-out documents, as the model is now."""
        course = self.course
        return measured(
            self.network, list(course.held_out), course.head, autocast=self.args.bf16, collate=course.collate
        )
