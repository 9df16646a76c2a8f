"""The training loop: transformers.Trainer with our data order, loss, checkpoints and events."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import partial
from math import isfinite
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor, nn
from transformers import PrinterCallback, Trainer, TrainingArguments

from backend.errors import JobError
from backend.jobs import events
from backend.recipes.schema import Recipe, Watching
from backend.training.best import Best
from backend.training.checkpoints import Checkpoint, Checkpoints
from backend.training.network import optimizer
from backend.training.network.adapter import Network
from backend.training.network.load import Head, Precision
from backend.training.network.measure import batch_loss as batch_loss
from backend.training.network.measure import measured
from backend.training.network.noise import Noise
from backend.training.network.saved import load_weights, save_weights
from backend.training.text.batches import Batch, Document, Plan, Stream
from backend.training.watch import Watch

STRIKES = 3


class DivergedError(Exception):
    """The loss or a trained tensor is no longer a number; `step` is where it was noticed."""

    def __init__(self, step: int) -> None:
        super().__init__(step)
        self.step = step


@dataclass(frozen=True)
class Course:
    """All that a run trains on and how it is watched."""

    plan: Plan
    documents: list[Document]
    held_out: list[Document]
    head: Head
    watching: Watching
    checkpoints: Checkpoints
    watch: Watch
    answer: Callable[[int], None]
    stop_requested: Callable[[], str | None]
    recipe: Recipe = field(default_factory=lambda: Recipe.model_validate({}))


def arguments(
    recipe: Recipe, plan: Plan, precision: Precision, device: torch.device, *, checkpointing: bool
) -> TrainingArguments:
    """The recipe in transformers' words; what we do ourselves (logging, evaluation, checkpoints) is off."""
    return TrainingArguments(
        output_dir=gettempdir(),
        max_steps=plan.steps,
        per_device_train_batch_size=plan.micro,
        gradient_accumulation_steps=plan.accumulation,
        learning_rate=recipe.schedule.learning_rate,
        optim=optimizer.NAMES[recipe.schedule.optimizer],
        lr_scheduler_type=recipe.schedule.scheduler,
        lr_scheduler_kwargs=optimizer.schedule(recipe, plan.steps),
        warmup_steps=round(recipe.schedule.warmup_ratio * plan.steps),
        weight_decay=recipe.schedule.weight_decay,
        max_grad_norm=recipe.schedule.max_grad_norm,
        adam_beta2=recipe.schedule.adam_beta2,
        bf16=precision.autocast,
        **_checkpointing(on=checkpointing),
        use_cpu=device.type == "cpu",
        seed=recipe.compute.seed,
        logging_nan_inf_filter=False,
        logging_strategy="no",
        save_strategy="no",
        eval_strategy="no",
        report_to="none",
        disable_tqdm=True,
        log_level="error",
        ignore_data_skip=True,
        remove_unused_columns=False,
        dataloader_pin_memory=False,
    )


def _checkpointing(*, on: bool) -> dict[str, Any]:
    """transformers called it gradient checkpointing before 5.23."""
    known = {one.name for one in fields(TrainingArguments)}
    name = "activation_checkpointing" if "activation_checkpointing" in known else "gradient_checkpointing"
    return {name: on, f"{name}_kwargs": {"use_reentrant": False} if on else None}


class StudioTrainer(Trainer):
    """One run. `stopped` says how it was asked to stop, if it was."""

    def __init__(self, model: Network, args: TrainingArguments, course: Course) -> None:
        super().__init__(model=model, args=args, train_dataset=course.documents)
        self.remove_callback(PrinterCallback)
        self.network = model
        self.course = course
        self.stopped: str | None = None
        self.eval_loss: float | None = None
        best = replace(course.checkpoints, folder=course.checkpoints.folder / "best", keep=1)
        self._best = Best(course.watching, best, course.watch)
        self._noise = Noise(model, course.recipe.schedule.neftune) if course.recipe.schedule.neftune else None
        self._trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._first = 0
        self._strikes = 0
        self._saved = self._evaluated = self._answered = -1

    def go(self, checkpoint: Checkpoint | None) -> None:
        """Train from the checkpoint, or from the beginning, to the end or until asked to stop; DivergedError."""
        if checkpoint is None:
            self.look(0)
            self.course.watch.begin(0, 0)
        else:
            self._first = self._saved = checkpoint.step
            self._best.resume(checkpoint.step)
        self.network.train()
        self.course.watch.phase("training")
        self.train(resume_from_checkpoint=str(checkpoint.path) if checkpoint else None)

    # What the loop trains on

    def get_train_dataloader(self) -> Any:
        return Stream(self.course.plan, self.course.documents, self._first)

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

    def _get_num_items_in_batch(self, batch_samples: list[Batch], device: torch.device) -> Tensor | None:
        """Learned tokens of the whole effective batch: over micro-batches, and over ranks."""
        own = torch.tensor(sum(_tensor(batch["targets"]).numel() for batch in batch_samples), device=device)
        return self.accelerator.gather(own).sum() if self.args.world_size > 1 else own

    def training_step(self, model: nn.Module, inputs: Batch, num_items_in_batch: Tensor | int | None = None) -> Tensor:
        """Forward and backward. Without transformers' walk over all modules to set the mode they are in already."""
        with self.compute_loss_context_manager():
            loss: Tensor = self.compute_loss(model, self._prepare_inputs(inputs), num_items_in_batch=num_items_in_batch)
        self.accelerator.backward(loss)
        return loss.detach()

    def _clip_grad_norm(self, model: nn.Module) -> Tensor:
        return nn.utils.clip_grad_norm_(self._trained, self.args.max_grad_norm)

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
            )
        )

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
        self.network.train()

    def _measure(self, step: int) -> None:
        found = measured(self.network, self.course.held_out, self.course.head, autocast=self.args.bf16)
        self.eval_loss = found.mean
        self._evaluated = step
        self.course.watch.evaluated(step, found.mean if isfinite(found.mean) else None, found.each)
        if self._best.judge(found.mean, self.state, partial(save_weights, self.network)):
            self.control.should_training_stop = True

    # Checkpoints

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        step = self.state.global_step
        if self._saved == step:
            return
        self.course.watch.phase("saving")
        self.require_finite()
        self.course.watch.saved(step, self.course.checkpoints.save(step, self._write))
        self._saved = step
        self.course.watch.phase("training")

    def _write(self, folder: Path) -> None:
        save_weights(self.network, folder)
        self._save_optimizer_and_scheduler(str(folder))
        self._save_rng_state(str(folder))
        self.state.save_to_json(str(folder / "trainer_state.json"))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        if not isinstance(self.model, PeftModel):
            super()._load_from_checkpoint(resume_from_checkpoint, model)
            return
        load_weights(self.model, Path(resume_from_checkpoint))
        state = json.loads((Path(resume_from_checkpoint) / "trainer_state.json").read_text(encoding="utf-8"))
        self.course.watch.begin(state["global_step"], state["num_input_tokens_seen"])

    def take_best(self) -> None:
        """Go back to the state that was best on the held-out rows, where the recipe asks for it."""
        best = self._best.found(self.state)
        if best is None:
            return
        load_weights(self.network, best)
        self.eval_loss = self.state.best_metric
        loss = round(self.eval_loss or 0.0, 4)
        self.course.watch.note(JobError("training.best_kept", step=self.kept_step, loss=loss))

    @property
    def kept_step(self) -> int:
        """The step whose state is kept at the end."""
        state, keep = self.state, self.course.watching.keep
        return state.best_global_step or state.global_step if keep == "best" else state.global_step

    def require_finite(self) -> None:
        """DivergedError when anything trained holds a number that is none."""
        if not all(bool(torch.isfinite(parameter).all()) for parameter in self._trained):
            raise DivergedError(self.state.global_step)


def _tensor(value: Tensor | int) -> Tensor:
    assert isinstance(value, Tensor)
    return value
