"""A progress bar of a run on standard error."""

import sys
from typing import Any

from tqdm import tqdm

from backend.jobs.events import Attempt, Captioned, Note, Phase, Sample, Stage, Step, Transfer
from backend.messages import sentence


class Progress:
    """Feed it a run's events; it draws one bar over steps or bytes, and prints notes and test answers."""

    def __init__(self) -> None:
        self.bar: tqdm[Any] | None = None
        self.first_answers: set[int] = set()

    def show(self, event: Any) -> None:
        if isinstance(event, Step):
            self._step(event)
        elif isinstance(event, Transfer | Captioned):
            self._count(event)
        elif isinstance(event, Phase) and self.bar is None:
            self._line(f"{event.name} …")
        elif isinstance(event, Note):
            self._line(sentence(event.key, **event.values))
        elif isinstance(event, Attempt) and event.from_step:
            self._line(f"Going on from step {event.from_step}.")
        elif isinstance(event, Stage):
            self._line(f"Stage {event.number} of {event.count}: {event.title.get('en', '')}")
        elif isinstance(event, Sample) and event.index == 0:
            self._line(f"step {event.step}: {event.question} → {event.answer}")

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()

    def _step(self, event: Step) -> None:
        if self.bar is None:
            self.bar = tqdm(total=event.total, unit="step", file=sys.stderr, mininterval=0.5)
        self.bar.n = event.step
        loss = "–" if event.loss is None else f"{event.loss:.3f}"
        self.bar.set_postfix_str(f"loss {loss}, {event.tokens_per_second:.0f} tokens/s", refresh=False)
        self.bar.update(0)
        self.bar.refresh()

    def _count(self, event: Transfer | Captioned) -> None:
        transfer = isinstance(event, Transfer)
        if self.bar is None:
            unit = "B" if transfer else "picture"
            self.bar = tqdm(total=event.total, unit=unit, unit_scale=transfer, file=sys.stderr, mininterval=0.5)
        if isinstance(event, Transfer):
            self.bar.set_postfix_str(event.file, refresh=False)
        self.bar.n = event.done
        self.bar.update(0)
        self.bar.refresh()

    def _line(self, text: str) -> None:
        tqdm.write(text, file=sys.stderr)
