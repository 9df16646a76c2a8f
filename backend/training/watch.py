"""What a training run says while it runs: phases, steps, memory, answers, as events of its run folder."""

from collections import deque
from collections.abc import Callable
from math import isfinite
from pathlib import Path
from time import monotonic
from typing import Literal

import psutil
import torch

from backend.errors import StudioError
from backend.jobs import events

PhaseName = Literal["loading", "quantising", "checking", "training", "evaluating", "answering", "saving"]
ALL_STEPS_UP_TO = 2000
SECONDS_BETWEEN_STEPS = 0.25
SECONDS_BETWEEN_MEMORY = 1.0
STEPS_OF_SPEED = 50
STEPS_OF_LOSS = 20


class Watch:
    """Speaks for one attempt of one run. `clock` is monotonic seconds; only tests give another."""

    def __init__(
        self, say: Callable[[events.Said], None], device: torch.device, clock: Callable[[], float] = monotonic
    ) -> None:
        self._say = say
        self._device = device
        self._clock = clock
        self._began = clock()
        self._marks: deque[tuple[float, int, int]] = deque(maxlen=STEPS_OF_SPEED)
        self._losses: deque[float] = deque(maxlen=STEPS_OF_LOSS)
        self._last_step = self._last_memory = float("-inf")
        self._started = self._stepped = 0.0
        self.first_tokens = 0
        self.tokens = 0

    @property
    def seconds(self) -> float:
        """Since this attempt began."""
        return self._clock() - self._began

    @property
    def train_loss(self) -> float | None:
        """Mean over the latest steps."""
        return sum(self._losses) / len(self._losses) if self._losses else None

    @property
    def tokens_per_second(self) -> float:
        """Of the latest steps, with all that happened between them."""
        if len(self._marks) < 2:
            return 0.0
        (then, _, before), (now, _, tokens) = self._marks[0], self._marks[-1]
        return (tokens - before) / max(now - then, 1e-9)

    @property
    def mean_tokens_per_second(self) -> float:
        """Of all steps of this attempt."""
        return (self.tokens - self.first_tokens) / max(self._stepped - self._started, 1e-9)

    def attempt(self, number: int, from_step: int) -> None:
        self._say(events.Attempt(number=number, from_step=from_step))

    def phase(self, name: PhaseName) -> None:
        self._say(events.Phase(name=name))
        self.memory()

    def begin(self, step: int, tokens: int) -> None:
        """Training starts, or goes on, after `step` steps and `tokens` tokens."""
        self.first_tokens = self.tokens = tokens
        self._started = self._clock()
        self._marks.append((self._started, step, tokens))

    def step(self, said: events.Step) -> None:
        """One optimizer step is done; speed and time left are filled in here."""
        now = self._stepped = self._clock()
        self._marks.append((now, said.step, said.tokens))
        self.tokens = said.tokens
        if said.loss is not None and isfinite(said.loss):
            self._losses.append(said.loss)
        everything = said.total <= ALL_STEPS_UP_TO or said.step == said.total
        if everything or now - self._last_step >= SECONDS_BETWEEN_STEPS:
            self._last_step = now
            (then, first, _), left = self._marks[0], said.total - said.step
            eta = (now - then) / max(said.step - first, 1) * left
            self._say(said.model_copy(update={"tokens_per_second": self.tokens_per_second, "eta_seconds": eta}))
        if now - self._last_memory >= SECONDS_BETWEEN_MEMORY:
            self.memory()

    def evaluated(self, said: events.Evaluation) -> None:
        self._say(said)

    def checked(self, said: events.Checked) -> None:
        self._say(said)

    def sample(self, sample: events.Sample) -> None:
        self._say(sample)

    def saved(self, step: int, path: Path) -> None:
        self._say(events.Checkpoint(step=step, name=path.name))

    def note(self, error: StudioError, level: Literal["info", "warning", "error"] = "info") -> None:
        values = {name: value if isinstance(value, int | float) else str(value) for name, value in error.values.items()}
        self._say(events.Note(level=level, key=error.key, values=values))

    def memory(self) -> None:
        self._last_memory = self._clock()
        process = psutil.Process().memory_info().rss
        if self._device.type != "cuda":
            self._say(events.Memory(process=process))
            return
        free, total = torch.cuda.mem_get_info(self._device)
        self._say(
            events.Memory(
                process=process,
                allocated=torch.cuda.memory_allocated(self._device),
                reserved=torch.cuda.memory_reserved(self._device),
                card=total - free,
            )
        )


def peak_memory(device: torch.device) -> int:
    """Bytes: on a GPU the most this process has had reserved there, else the most it has had resident.

    Where the system keeps no such peak (macOS), what is resident now.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    memory = psutil.Process().memory_info()
    return int(getattr(memory, "peak_wset", memory.rss))
