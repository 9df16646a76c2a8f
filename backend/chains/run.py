"""The chain job: one training after the other in one run folder. Heavy: only the worker opens this module."""

import gc
import shutil
from dataclasses import dataclass, field
from typing import Any

import torch

from backend.chains.context import Place, StageContext
from backend.chains.merging import Beginnings
from backend.chains.publishing import publish
from backend.chains.request import ChainRequest, StageRequest
from backend.chains.stages import Stages
from backend.errors import JobError, StudioError
from backend.jobs import events
from backend.jobs.context import JobContext
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from backend.training import run as training
from backend.training.request import TrainRequest

# How a stage may end that is no failure of it: it is stopped, or tried again with less at once.
NO_FAILURE = frozenset({ExitCode.DONE, ExitCode.STOPPED, ExitCode.OUT_OF_MEMORY})


def run(job: JobContext) -> int:
    """Train every stage that is not done yet; a value of `ExitCode`. StudioError for what a person has to change."""
    request = ChainRequest.model_validate(job.request)
    return Chain(job, request, Stages(job.folder, len(request.stages))).go()


@dataclass
class Chain:
    """One attempt. `spoken`: it is said from where this attempt goes on."""

    job: JobContext
    request: ChainRequest
    stages: Stages
    spoken: bool = False
    beginnings: Beginnings = field(init=False)

    def __post_init__(self) -> None:
        self.beginnings = Beginnings(self.request, self.stages, self._merging)

    def go(self) -> int:
        self._require_whole()
        for number in range(1, self.stages.count + 1):
            if self.stages.done(number):
                continue
            code = self._stopping() or self._stage(number)
            if code != ExitCode.DONE:
                return code
        self._finish()
        return ExitCode.DONE

    def _require_whole(self) -> None:
        """JobError names a stage whose work is gone or damaged; told once, it is trained again with all that follows.

        Nothing that took days is repeated without a word, and nothing is learned on top of something damaged.
        """
        lost = self.stages.first_lost()
        if lost is None:
            self.stages.tell_lost(None)
            return
        if self.stages.told_lost != lost.number:
            self.stages.tell_lost(lost.number)
            raise JobError("chains.lost", number=lost.number, count=self.stages.count, file=lost.file)
        self.stages.forget_from(lost.number)
        self.stages.tell_lost(None)
        self._note(JobError("chains.again", number=lost.number, count=self.stages.count), "warning")

    def _stopping(self) -> int:
        """Between two stages, everything is saved already."""
        return ExitCode.STOPPED if self.job.stop_requested() else ExitCode.DONE

    def _stage(self, number: int) -> int:
        stage, place = self._stage_request(number), self._place(number)
        title = stage.title or {"en": stage.recipe_id}
        self.job.say(events.Stage(number=number, count=self.stages.count, step=place.steps, title=title))
        folder = self.job.folder.stage(number)
        if not self.beginnings.ready(number) and not folder.checkpoints.is_dir():
            self._speak(place.steps)
        try:
            train = self.beginnings.of(number)
            code = training.run(self._context(folder, train, place))
        except StudioError:
            self._note_failure(number)
            raise
        finally:
            _let_go()
        if code == ExitCode.DONE:
            self.stages.finish(number)
        if code in (ExitCode.DONE, ExitCode.STOPPED):
            publish(self.job.folder, folder, train)
            self._clear_up(number)
        if code not in NO_FAILURE:
            self._note_failure(number)
        return code

    def _context(self, folder: RunFolder, train: TrainRequest, place: Place) -> StageContext:
        """The stage as a job. Memory that ran out in an earlier stage does not make this one's batches smaller."""
        folder.path.mkdir(parents=True, exist_ok=True)
        now = self.job.memory_failures
        before = min(folder.read(folder.request).get("memory_failures", now), now)
        asked = train.model_dump(mode="json")
        folder.write(folder.request, {**asked, "memory_failures": before}, mode=0o600)
        quiet, self.spoken = self.spoken, True
        return StageContext(
            folder,
            asked,
            attempt=self.job.attempt,
            memory_failures=now - before,
            device=self.job.device,
            signal=self.job.signal,
            now=self.job.now,
            chain=self.job,
            place=place,
            quiet=quiet,
        )

    def _place(self, number: int) -> Place:
        done = [self.stages.done(earlier) for earlier in range(1, number)]
        later = [stage.train.forecast for stage in self.request.stages[number:]]
        return Place(
            steps=sum(int(one["steps"]) for one in done),
            tokens=sum(int(one["tokens"]) for one in done),
            later_steps=sum(int(one.get("steps") or 0) for one in later),
            later_seconds=sum(float(one.get("seconds") or 0.0) for one in later),
        )

    def _finish(self) -> None:
        """The figures of the last stage are those of the chain, but for what adds up; each stage's own beside them."""
        folder, count = self.job.folder, self.stages.count
        publish(folder, folder.stage(count), self.beginnings.of(count))
        done = [self.stages.done(number) for number in range(1, count + 1)]
        shown = ("steps", "kept_step", "eval_loss", "train_loss", "seconds", "tokens", "checks")
        earlier = self._place(count).steps
        folder.write(
            folder.result,
            {
                **{name: value for name, value in done[-1].items() if name != "files"},
                "steps": sum(one["steps"] for one in done),
                "kept_step": earlier + done[-1]["kept_step"],
                "tokens": sum(one["tokens"] for one in done),
                "seconds": self.job.clock(),
                "peak_memory_bytes": max(one["peak_memory_bytes"] for one in done),
                "forecast_memory_bytes": self.request.forecast_bytes,
                "stages": [self._figures(number, one, shown) for number, one in enumerate(done, start=1)],
            },
        )

    def _figures(self, number: int, done: dict[str, Any], shown: tuple[str, ...]) -> dict[str, Any]:
        stage = self._stage_request(number)
        return {"recipe": stage.recipe_id, "title": stage.title, "start": stage.start} | {
            name: done.get(name) for name in shown
        }

    def _clear_up(self, number: int) -> None:
        """Merged models that neither this stage nor the next one is for."""
        for earlier in range(1, number - 1):
            shutil.rmtree(self.stages.merged(earlier), ignore_errors=True)

    def _stage_request(self, number: int) -> StageRequest:
        return self.request.stages[number - 1]

    def _merging(self) -> None:
        self.job.say(events.Phase(name="merging"))

    def _speak(self, step: int) -> None:
        if not self.spoken:
            self.spoken = True
            self.job.say(events.Attempt(number=self.job.attempt, from_step=step))

    def _note_failure(self, number: int) -> None:
        self._note(JobError("chains.failed", number=number, count=self.stages.count), "warning")

    def _note(self, said: StudioError, level: Any) -> None:
        self.job.say(events.Note(level=level, key=said.key, values=dict(said.values)))


def _let_go() -> None:
    """The model of one stage goes before that of the next one comes."""
    gc.unfreeze()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
