"""The best state of a run so far, by its loss on held-out rows, and when it is time to give up looking for a better."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import isfinite
from pathlib import Path

from transformers import TrainerState

from backend.errors import JobError
from backend.recipes.schema import Watching
from backend.training.checkpoints import Checkpoints
from backend.training.watch import Watch


@dataclass(frozen=True)
class Best:
    """`kept` holds one checkpoint, the best. What was best, and when, is part of the trainer's own state and so of
    every checkpoint: a resumed run goes on counting where it was.
    """

    watching: Watching
    kept: Checkpoints
    watch: Watch

    @classmethod
    def of(cls, watching: Watching, checkpoints: Checkpoints, watch: Watch) -> "Best":
        """Beside the run's own checkpoints."""
        return cls(watching, replace(checkpoints, folder=checkpoints.folder / "best", keep=1), watch)

    def judge(self, loss: float, state: TrainerState, write: Callable[[Path], None]) -> bool:
        """Take note of an evaluation; whether the run should end. The state before the first step is no candidate."""
        step, watching = state.global_step, self.watching
        if step == 0:
            return False
        if isfinite(loss) and (state.best_metric is None or loss < state.best_metric):
            state.best_metric, state.best_global_step = loss, step
            if watching.keep == "best":
                self.kept.save(step, partial(write))
            return False
        waited = (step - (state.best_global_step or 0)) // watching.eval_every
        if not watching.patience or waited < watching.patience:
            return False
        best = state.best_global_step or 0
        self.watch.note(JobError("training.patience", step=step, patience=watching.patience, best=best))
        return True

    def resume(self, step: int) -> None:
        """Forget what was best after this step: those steps come again."""
        self.kept.forget(step)

    def found(self, state: TrainerState) -> Path | None:
        """Where the best state is; None when it is the last, or none was kept."""
        if self.watching.keep != "best" or state.best_global_step in (None, state.global_step):
            return None
        newest, _ = self.kept.newest()
        return newest.path if newest and newest.step == state.best_global_step else None
