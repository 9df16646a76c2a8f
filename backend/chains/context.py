"""A stage as a job of its own: it has a folder like any training, and what it says there the chain says too, counted
from the first step of the first stage.
"""

from dataclasses import dataclass
from typing import Any

from backend.jobs import events
from backend.jobs.context import JobContext, Stop
from backend.paths import Workspace


@dataclass(frozen=True)
class Place:
    """Where a stage lies in the whole: steps and tokens of the stages before it, steps and seconds of those after it,
    both as they are forecast.
    """

    steps: int = 0
    tokens: int = 0
    later_steps: int = 0
    later_seconds: float = 0.0


@dataclass(kw_only=True)
class StageContext(JobContext):
    """`quiet`: the chain has said already from where this attempt goes on."""

    chain: JobContext
    place: Place = Place()
    quiet: bool = False

    @property
    def workspace(self) -> Workspace:
        return self.chain.workspace

    def stop_requested(self) -> Stop | None:
        return self.chain.stop_requested()

    def say(self, event: events.Said) -> None:
        super().say(event)
        if not (self.quiet and isinstance(event, events.Attempt)):
            self.chain.say(event.model_copy(update=self._in_the_whole(event)))

    def _in_the_whole(self, event: events.Said) -> dict[str, Any]:
        place = self.place
        match event:
            case events.Attempt():
                return {"from_step": place.steps + event.from_step}
            case events.Step():
                eta = None if event.eta_seconds is None else event.eta_seconds + place.later_seconds
                total = place.steps + event.total + place.later_steps
                tokens = place.tokens + event.tokens
                return {"step": place.steps + event.step, "total": total, "tokens": tokens, "eta_seconds": eta}
            case events.Sample():
                inside = self.folder.path.relative_to(self.chain.folder.path).as_posix()
                shown = tuple(f"{inside}/{name}" for name in event.pictures)
                return {"step": place.steps + event.step, "pictures": shown}
            case events.Evaluation() | events.Checked() | events.Checkpoint():
                return {"step": place.steps + event.step}
            case _:
                return {}
