"""Checkpoints of a run and the state that stays of it, for any trainer of transformers."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from peft import PeftModel
from torch import nn
from transformers import PrinterCallback, Trainer
from transformers.trainer import OPTIMIZER_NAME, SCHEDULER_NAME

from backend.errors import JobError
from backend.training.loop.best import Best
from backend.training.loop.course import Course, DivergedError
from backend.training.loop.sharing import Together, shared
from backend.training.network.adapter import Network
from backend.training.network.saved import load_weights, save_weights
from backend.training.ranks.shards import local, spread_state, whole_state, whole_weights


class Kept(Trainer):
    """Before transformers' own trainer, or one made from it, among the classes of a trainer: what it does when it is
    to save or to go on is done here. `follow` comes first.
    """

    network: Network
    course: Course

    def follow(self, model: Network, course: Course) -> None:
        """Train this model on this course."""
        self.remove_callback(PrinterCallback)
        self.add_callback(Together(self))
        self.network = model
        self.course = course
        self.eval_loss: float | None = None
        self._best = Best.of(course.watching, course.checkpoints, course.watch)
        self._trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._saved = -1

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        step = self.state.global_step
        if self._saved == step:
            return
        self.course.watch.phase("saving")
        self.require_finite()
        self.course.watch.saved(step, self.course.checkpoints.save(step, self._write))
        self._saved = step
        self.course.watch.phase("training")

    def save_weights(self, folder: Path) -> None:
        """What is trained, into this folder. All processes call this, and the first writes."""
        everything = whole_weights(self.network)
        if self.course.group.first:
            save_weights(self.network, folder, everything)

    def _write(self, folder: Path) -> None:
        self.save_weights(folder)
        self._write_optimizer(folder)
        self._write_chance(folder)
        if not self.course.group.first:
            return
        self.state.save_to_json(str(folder / "trainer_state.json"))
        if self.course.windows:
            self.course.windows.write(folder, self.state.global_step)

    def _write_optimizer(self, folder: Path) -> None:
        if not self.course.group.in_parts:
            self._save_optimizer_and_scheduler(str(folder))
            return
        assert self.optimizer is not None
        assert self.lr_scheduler is not None
        state = whole_state(self.optimizer)
        if self.course.group.first:
            torch.save(state, folder / OPTIMIZER_NAME)
            torch.save(self.lr_scheduler.state_dict(), folder / SCHEDULER_NAME)

    def _write_chance(self, folder: Path) -> None:
        """Where the random numbers are, of every process: each goes on with its own."""
        if self.course.group.ranks == 1:
            self._save_rng_state(str(folder))
            return
        with TemporaryDirectory() as place:
            self._save_rng_state(place)
            mine = {path.name: path.read_bytes() for path in Path(place).iterdir()}
        for one in self.course.group.each(mine):
            for name, content in one.items() if self.course.group.first else ():
                (folder / name).write_bytes(content)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        if not isinstance(self.model, PeftModel) and not self.course.group.in_parts:
            super()._load_from_checkpoint(resume_from_checkpoint, model)
            return
        load_weights(self.network, Path(resume_from_checkpoint))
        state = json.loads((Path(resume_from_checkpoint) / "trainer_state.json").read_text(encoding="utf-8"))
        self.course.watch.begin(state["global_step"], state["num_input_tokens_seen"])

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        assert self.optimizer is not None
        spread_state(self.optimizer)

    # How several processes share the model

    def _wrap_model(self, model: nn.Module, *arguments: Any, **options: Any) -> nn.Module:
        """By ourselves: what accelerate makes of a model that is to be shared depends on where it runs."""
        if self.course.group.ranks == 1:
            wrapped: nn.Module = super()._wrap_model(model, *arguments, **options)
            return wrapped
        return shared(self.network, self.course.group)

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
        finite = all(bool(torch.isfinite(local(parameter)).all()) for parameter in self._trained)
        if self.course.group.any(here=not finite):
            raise DivergedError(self.state.global_step)
