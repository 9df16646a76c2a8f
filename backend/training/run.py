"""The training job: from a run folder to an adapter. Heavy: only the worker opens this module."""

import errno
import gc
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import torch
import transformers
from peft import PeftModel

from backend.errors import JobError
from backend.forecast import calibration
from backend.hardware import this_machine
from backend.jobs.context import JobContext
from backend.jobs.model import ExitCode
from backend.training import outcome, stacked
from backend.training.assembly import Assembled, Assembly, Beginning
from backend.training.checkpoints import Checkpoint, Checkpoints
from backend.training.loop.course import DivergedError
from backend.training.loop.fit import Fit, fit
from backend.training.loop.group import ALONE, Group
from backend.training.loop.sharing import Shared
from backend.training.loop.watched import Watched
from backend.training.network import start
from backend.training.network.adapter import Network
from backend.training.network.load import quantised
from backend.training.network.saved import save_weights
from backend.training.ranks.launch import together
from backend.training.ranks.shards import Whole, whole_weights
from backend.training.request import TrainRequest
from backend.training.watch import Watch, peak_memory

OUT_OF_MEMORY_WORDS = ("can't allocate memory", "out of memory")
# Per trained number: its fp32 value and the two moments of Adam.
BYTES_PER_TRAINED = 12


def run(job: JobContext, group: Group | None = None) -> int:
    """Train as request.json says; a value of `ExitCode`. StudioError for what a person has to change first.

    `group`: the processes that share the run, this one among them. Where the recipe wants several and there are none,
    they are started, and this process waits for them: then the value may be negative, for one that was lost.
    """
    request = TrainRequest.model_validate(job.request)
    if group is None and request.recipe.compute.devices > 1:
        return together(job, request.recipe.compute.devices)
    device = torch.device("cpu" if job.device == "cpu" else "cuda:0")
    watch = Watch(job.say, device)
    attempt = Run(job, request, device, watch, psutil.Process().memory_info().rss, group or ALONE)
    try:
        return attempt.go()
    except DivergedError as end:
        watch.note(JobError("training.diverged", step=end.step), "error")
        return ExitCode.DIVERGED
    except (MemoryError, RuntimeError) as error:
        if not _is_memory(error):
            raise
        attempt.ran_out()
        watch.note(JobError("training.out_of_memory", size=attempt.at_once or request.recipe.batch.size), "warning")
        return ExitCode.OUT_OF_MEMORY
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        free, needed = shutil.disk_usage(job.folder.path).free // 10**6, attempt.needed // 10**6 + 1
        with suppress(OSError):  # on a disk without a single free byte the exit code has to say it alone
            watch.note(JobError("training.disk_full", free=free, needed=needed, folder=job.folder.path), "error")
        return ExitCode.DISK_FULL


def _is_memory(error: Exception) -> bool:
    words = str(error).lower()
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(part in words for part in OUT_OF_MEMORY_WORDS)


@dataclass
class Run:
    """One attempt at a run. `imports`: bytes this process had resident before it loaded anything; `needed`: bytes
    of disk for two checkpoints; `at_once`: documents that go through the model of one device together."""

    job: JobContext
    request: TrainRequest
    device: torch.device
    watch: Watch
    imports: int
    group: Group = ALONE
    needed: int = 0
    at_once: int = 0

    def go(self) -> int:
        gc.freeze()  # the libraries stay: without this, each collection walks their objects for most of a second
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        recipe = self.request.recipe
        kept = Checkpoints(
            self.job.folder.checkpoints, outcome.identity(self.request), recipe.watching.keep_checkpoints
        )
        checkpoints = Shared.of(kept, self.group)
        checkpoint = self._newest(checkpoints)
        chosen: Fit = self.group.told(lambda: fit(self.request, self.job.memory_failures, self.device))
        self.at_once = chosen.micro
        self.watch.attempt(self.job.attempt, checkpoint.step if checkpoint else 0)
        assembly = Assembly(self.job, self.request, self.device, self.watch, self.group)
        made = assembly.make(checkpoints, chosen, fresh=checkpoint is None)
        self._require_space(made.trainer.network)
        if checkpoint is None and made.check:
            made.check.before()
        made.trainer.go(checkpoint)
        self._learn_memory(made.trainer, chosen)
        if made.trainer.stopped:
            if made.trainer.stopped == "save":
                self._keep(made, made.trainer.state.global_step)
            return ExitCode.STOPPED
        self._finish(made)
        return ExitCode.DONE

    def _newest(self, checkpoints: Checkpoints) -> Checkpoint | None:
        """The checkpoint to go on from; what was wrong with newer ones, or differs, is said."""
        found, damaged = checkpoints.newest()
        for bad in damaged:
            key = "training.damaged" if found else "training.damaged_only"
            used = {"used": found.step} if found else {}
            self.watch.note(JobError(key, step=bad.step, file=bad.file, **used), "warning")
        for name, before in (found.versions if found else {}).items():
            now = checkpoints.identity.versions.get(name)
            if now != before:
                self.watch.note(JobError("training.other_version", name=name, before=before, now=str(now)), "warning")
        if found and found.ranks != (ranks := self.group.ranks):
            self.watch.note(JobError("training.other_ranks", step=found.step, before=found.ranks, now=ranks))
        return found

    def _require_space(self, model: Network) -> None:
        """OSError before the first step when the disk could not hold two checkpoints."""
        self.needed = 2 * BYTES_PER_TRAINED * trained(model)
        if shutil.disk_usage(self.job.folder.path).free < self.needed:
            raise OSError(errno.ENOSPC, f"{self.needed} bytes needed for checkpoints")

    def _finish(self, made: Assembled) -> None:
        """Keep what was trained, measure it for the last time, write the figures."""
        self.watch.phase("saving")
        folder, request, trainer = self.job.folder, self.request, made.trainer
        trainer.look(trainer.state.global_step, answer=False)
        trainer.take_best()
        trainer.require_finite()
        final = self._keep(made, trainer.kept_step)
        trainer.look(trainer.state.global_step, evaluate=False)
        checks = made.check.after(trainer.state.global_step) if made.check else {}
        figures = self._figures(trainer, final.name) | {"checks": checks}
        folder.write(folder.result, figures)
        if self.group.ranks == 1:
            place = this_machine(folder.path)
            calibration.learn(self.job.workspace, place, request.recipe.method, request.forecast, figures)

    def ran_out(self) -> None:
        """Memory ran out with the batches that were forecast: the next forecast will not be below what this took."""
        if self.group.ranks == 1 and self.job.memory_failures == 0:
            place, peak = this_machine(self.job.folder.path), peak_memory(self.device)
            method, said = self.request.recipe.method, self.request.forecast
            calibration.learn_ran_out(self.job.workspace, place, method, said, peak)

    def _learn_memory(self, trainer: Watched, chosen: Fit) -> None:
        """Stopped or at its end: a run that went as it was forecast, for some steps, says how good its forecast was."""
        said, recipe = self.request.forecast, self.request.recipe
        as_forecast = chosen == Fit(recipe.batch.size, bool(said.get("gradient_checkpointing")))
        alone = self.group.ranks == 1 and self.job.attempt == 1
        if as_forecast and alone and trainer.state.global_step >= calibration.FEWEST_STEPS:
            place, peak = this_machine(self.job.folder.path), peak_memory(self.device)
            calibration.learn_memory(self.job.workspace, place, recipe.method, said, peak)

    def _keep(self, made: Assembled, step: int) -> Path:
        """What was trained, as it is at `step`, for whoever wants to ask it; a run that is resumed replaces it."""
        folder, request = self.job.folder, self.request
        final = folder.model if request.recipe.method == "full" else folder.adapter
        record = outcome.record(request, step, self._way(made.trainer))
        whole = whole_weights(made.trainer.network)
        if self.group.first:
            outcome.keep(final, partial(self._write, made.beginning, whole), record)
        return final

    def _way(self, trainer: Watched) -> dict[str, Any]:
        """Which of our shorter ways this model could take."""
        head = trainer.course.head
        return {
            "documents": "packed" if head.packed else "one by one",
            "loss": "in chunks" if head.plain else "of all logits",
            "quantised_layers": len(quantised(trainer.network)),
        }

    def _write(self, beginning: Beginning, whole: Whole | None, folder: Path) -> None:
        model = beginning.model
        if beginning.begun and isinstance(model, PeftModel):
            start.save_as_lora(model, beginning.begun, folder)
        else:
            save_weights(model, folder, whole)
        if self.request.before is not None:
            stacked.join(self.request.before.adapter, folder)
        recipe = self.request.recipe
        if recipe.method == "full" or recipe.new_tokens or recipe.own_template != "auto":
            beginning.tokenizer.save_pretrained(folder)

    def _figures(self, trainer: Watched, adapter: str) -> dict[str, Any]:
        model = trainer.network
        return {
            "steps": trainer.state.global_step,
            "kept_step": trainer.kept_step,
            "eval_loss": trainer.eval_loss,
            "train_loss": self.watch.train_loss,
            "seconds": self.job.clock(),
            "tokens": trainer.state.num_input_tokens_seen,
            "tokens_per_second": self.watch.mean_tokens_per_second,
            "peak_memory_bytes": self._of_all(peak_memory(self.device)),
            "imports_memory_bytes": self._of_all(self.imports),
            "devices": self.group.ranks,
            "forecast_memory_bytes": self.request.forecast_bytes,
            "adapter": adapter,
            "trainable_parameters": trained(model),
            "quantised_layers": len(quantised(model)),
            "versions": outcome.versions(),
        }

    def _of_all(self, mine: int) -> int:
        """Bytes: processes on one processor share its memory, each card has its own and the fullest one counts.

        The process that waits for them has what it needed to start them.
        """
        every: list[int] = self.group.each(mine)
        if self.device.type == "cuda" or self.group.ranks == 1:
            return max(every)
        waiting: int = psutil.Process(os.getppid()).memory_info().rss
        return sum(every) + waiting


def trained(model: Network) -> int:
    """Parameters that are trained."""
    return sum(int(parameter.numel()) for parameter in model.parameters() if parameter.requires_grad)
