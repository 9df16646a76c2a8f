"""The training job: from a run folder to an adapter. Heavy: only the worker opens this module."""

import errno
import gc
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

from backend.errors import DataError, JobError
from backend.forecast import calibration
from backend.hardware import this_machine
from backend.jobs.context import JobContext
from backend.jobs.model import ExitCode
from backend.paths import Workspace
from backend.training import outcome
from backend.training.check import TOKENS_AT_ONCE, Check
from backend.training.checkpoints import Checkpoint, Checkpoints
from backend.training.fit import Fit, fit
from backend.training.network import optimizer, start
from backend.training.network.adapter import Network, prepare
from backend.training.network.answers import Examiner, Writer
from backend.training.network.load import Head, inspect, load_base, load_tokenizer, precision, quantised
from backend.training.network.saved import save_weights
from backend.training.request import TrainRequest
from backend.training.text.batches import Plan
from backend.training.text.documents import Material, material
from backend.training.trainer import Course, DivergedError, StudioTrainer, arguments
from backend.training.watch import Watch, peak_memory

OUT_OF_MEMORY_WORDS = ("can't allocate memory", "out of memory")
# Per trained number: its fp32 value and the two moments of Adam.
BYTES_PER_TRAINED = 12


def run(job: JobContext) -> int:
    """Train as request.json says; a value of `ExitCode`. StudioError for what a person has to change first."""
    request = TrainRequest.model_validate(job.request)
    device = torch.device("cpu" if job.device == "cpu" else "cuda:0")
    watch = Watch(job.say, device)
    attempt = Run(job, request, device, watch, imports=psutil.Process().memory_info().rss)
    try:
        return attempt.go()
    except DivergedError as end:
        watch.note(JobError("training.diverged", step=end.step), "error")
        return ExitCode.DIVERGED
    except (MemoryError, RuntimeError) as error:
        if not _is_memory(error):
            raise
        watch.note(JobError("training.out_of_memory", size=request.recipe.batch.size), "warning")
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
    of disk for two checkpoints."""

    job: JobContext
    request: TrainRequest
    device: torch.device
    watch: Watch
    imports: int
    needed: int = 0
    check: Check | None = None
    begun: start.State | None = None

    def go(self) -> int:
        gc.freeze()  # the libraries stay: without this, each collection walks their objects for most of a second
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        recipe = self.request.recipe
        checkpoints = Checkpoints(
            self.job.folder.checkpoints, outcome.identity(self.request), recipe.watching.keep_checkpoints
        )
        checkpoint = self._newest(checkpoints)
        chosen = fit(self.request, self.job.memory_failures, self.device)
        self.watch.attempt(self.job.attempt, checkpoint.step if checkpoint else 0)
        trainer = self._trainer(checkpoints, chosen, fresh=checkpoint is None)
        self._require_space(trainer.network)
        if checkpoint is None and self.check:
            self.check.before()
        trainer.go(checkpoint)
        if trainer.stopped:
            if trainer.stopped == "save":
                self._keep(trainer, trainer.state.global_step)
            return ExitCode.STOPPED
        self._finish(trainer)
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
        return found

    def _trainer(self, checkpoints: Checkpoints, chosen: Fit, *, fresh: bool) -> StudioTrainer:
        recipe, location = self.request.recipe, str(self.request.model.location)
        self.watch.phase("quantising" if recipe.method == "qlora" else "loading")
        torch.manual_seed(recipe.compute.seed)
        tokenizer = load_tokenizer(location)
        base = load_base(location, recipe, self.device)
        self.watch.phase("checking")
        head = inspect(base)
        read = material(self.request, tokenizer)
        if read.dropped:
            numbers = {"dropped": read.dropped, "total": read.dropped + len(read.train)}
            self.watch.note(DataError("training.dropped", length=recipe.batch.max_length, **numbers), "warning")
        model = prepare(base, recipe, location)
        kind = precision(recipe, self.device)
        self._begin(model, read, head, fresh=fresh, autocast=kind.autocast)
        plan = self._plan(read, chosen)
        writer = Writer(model, read.chat, kind.autocast) if read.chat else None
        course = Course(
            plan=plan,
            documents=read.train,
            held_out=read.held_out,
            head=head,
            watching=recipe.watching,
            checkpoints=checkpoints,
            watch=self.watch,
            answer=Examiner(writer, recipe.watching.questions, self.watch) if writer else _ask_nothing,
            stop_requested=self.job.stop_requested,
            recipe=recipe,
        )
        asked = arguments(recipe, plan, kind, self.device, checkpointing=chosen.checkpointing)
        for reason in optimizer.require(recipe, asked, self.device):
            self.watch.note(JobError("training.not_paged", reason=reason))
        trainer = StudioTrainer(model, asked, course)
        self.check = self._checking(read, writer, trainer)
        return trainer

    def _begin(self, model: Network, read: Material, head: Head, *, fresh: bool, autocast: bool) -> None:
        """Where the adapter begins elsewhere than at nothing. A resumed one has long begun, and EVA need not look."""
        wanted = self.request.recipe.lora
        if not isinstance(model, PeftModel) or wanted.start == "zero":
            return
        if wanted.start == "pissa":
            self.begun = start.first(model)
        elif fresh:
            start.look_at(model, read.train, wanted.rank, head, autocast=autocast)
        else:
            start.plain(model)

    def _checking(self, read: Material, writer: Writer | None, trainer: StudioTrainer) -> Check | None:
        """What is asked before and after; nothing for plain text, or when every question is trained on."""
        if read.known:
            numbers = {"dropped": read.known, "total": read.known + sum(map(len, read.check.values()))}
            self.watch.note(DataError("training.check_known", **numbers), "warning")
        if writer is None or not read.check:
            return None
        most = max(1, TOKENS_AT_ONCE >> self.job.memory_failures)
        return Check(read.check, writer, self.job.folder, self.watch, trainer.quiet, most)

    def _plan(self, read: Material, chosen: Fit) -> Plan:
        recipe = self.request.recipe
        return Plan(
            documents=len(read.train),
            effective=recipe.batch.size * recipe.batch.accumulation,
            micro=chosen.micro,
            epochs=recipe.schedule.epochs,
            max_steps=recipe.schedule.max_steps,
            seed=recipe.compute.seed,
        )

    def _require_space(self, model: Network) -> None:
        """OSError before the first step when the disk could not hold two checkpoints."""
        self.needed = 2 * BYTES_PER_TRAINED * trained(model)
        if shutil.disk_usage(self.job.folder.path).free < self.needed:
            raise OSError(errno.ENOSPC, f"{self.needed} bytes needed for checkpoints")

    def _finish(self, trainer: StudioTrainer) -> None:
        """Keep what was trained, measure it for the last time, write the figures."""
        self.watch.phase("saving")
        folder, request = self.job.folder, self.request
        trainer.look(trainer.state.global_step, answer=False)
        trainer.take_best()
        trainer.require_finite()
        final = self._keep(trainer, trainer.kept_step)
        trainer.look(trainer.state.global_step, evaluate=False)
        checks = self.check.after(trainer.state.global_step) if self.check else {}
        figures = self._figures(trainer, final.name) | {"checks": checks}
        folder.write(folder.result, figures)
        workspace = Workspace(folder.path.parent.parent)
        calibration.learn(workspace, this_machine(folder.path), request.recipe.method, request.forecast, figures)

    def _keep(self, trainer: StudioTrainer, step: int) -> Path:
        """What was trained, as it is at `step`, for whoever wants to ask it; a run that is resumed replaces it."""
        folder, request = self.job.folder, self.request
        final = folder.model if request.recipe.method == "full" else folder.adapter
        record = outcome.record(request, step, self._way(trainer))
        outcome.keep(final, partial(self._write, trainer.network), record)
        return final

    def _way(self, trainer: StudioTrainer) -> dict[str, Any]:
        """Which of our shorter ways this model could take."""
        head = trainer.course.head
        return {
            "documents": "packed" if head.packed else "one by one",
            "loss": "in chunks" if head.plain else "of all logits",
            "quantised_layers": len(quantised(trainer.network)),
        }

    def _write(self, model: Network, folder: Path) -> None:
        if self.begun and isinstance(model, PeftModel):
            start.save_as_lora(model, self.begun, folder)
            return
        save_weights(model, folder)
        if self.request.recipe.method == "full":
            load_tokenizer(str(self.request.model.location)).save_pretrained(folder)

    def _figures(self, trainer: StudioTrainer, adapter: str) -> dict[str, Any]:
        model = trainer.network
        return {
            "steps": trainer.state.global_step,
            "kept_step": trainer.kept_step,
            "eval_loss": trainer.eval_loss,
            "train_loss": self.watch.train_loss,
            "seconds": self.job.clock(),
            "tokens": trainer.state.num_input_tokens_seen,
            "tokens_per_second": self.watch.mean_tokens_per_second,
            "peak_memory_bytes": peak_memory(self.device),
            "imports_memory_bytes": self.imports,
            "forecast_memory_bytes": self.request.forecast_bytes,
            "adapter": adapter,
            "trainable_parameters": trained(model),
            "quantised_layers": len(quantised(model)),
            "versions": outcome.versions(),
        }


def trained(model: Network) -> int:
    """Parameters that are trained."""
    return sum(int(parameter.numel()) for parameter in model.parameters() if parameter.requires_grad)


def _ask_nothing(step: int) -> None:
    """A model trained on plain text is not asked questions."""
