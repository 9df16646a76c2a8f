"""What a run has said so far, folded event by event into curves, phases and answers; no Gradio, no files."""

from dataclasses import dataclass, field

from backend.jobs.events import Attempt, Evaluation, Memory, Note, Phase, Said, Sample, Step

Point = tuple[float, int, float]
"""Run time in seconds, step, value."""

MOST_POINTS = 2000


@dataclass
class Curves:
    """Grows with `fold`; what an interrupted attempt said about steps that were then repeated is forgotten."""

    loss: list[Point] = field(default_factory=list)
    eval: list[Point] = field(default_factory=list)
    memory: list[Point] = field(default_factory=list)
    phases: list[tuple[float, str]] = field(default_factory=list)
    answers: dict[int, dict[int, Sample]] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    last: Step | None = None
    now: float = 0.0

    def fold(self, event: Said) -> None:
        self.now = max(self.now, event.t)
        step = self.last.step if self.last else 0
        match event:
            case Step():
                self.last = event
                self.loss += points(event.t, event.step, event.loss)
            case Evaluation():
                self.eval += points(event.t, event.step, event.loss)
            case Memory():
                self.memory.append((event.t, step, event.card or event.reserved or event.process))
            case Phase():
                self.phases.append((event.t, event.name))
            case Sample():
                self.answers.setdefault(event.step, {})[event.index] = event
            case Note():
                self.notes.append(event)
            case Attempt():
                self._go_back_to(event.from_step)

    def _go_back_to(self, step: int) -> None:
        self.loss = [point for point in self.loss if point[1] <= step]
        self.eval = [point for point in self.eval if point[1] <= step]
        self.answers = {at: found for at, found in self.answers.items() if at <= step}
        if self.last and self.last.step > step:
            self.last = None

    @property
    def peak_memory(self) -> float:
        return max((point[2] for point in self.memory), default=0.0)


def points(t: float, step: int, value: float | None) -> list[Point]:
    """One point, or none for a number that was not finite."""
    return [] if value is None else [(t, step, value)]


def bucketed(curve: list[Point], most: int = MOST_POINTS) -> list[Point]:
    """At most `most` points: of each bucket the lowest and the highest, in order, so that no spike is lost."""
    if len(curve) <= most:
        return curve
    kept: list[Point] = []
    buckets = most // 2
    for index in range(buckets):
        part = curve[index * len(curve) // buckets : (index + 1) * len(curve) // buckets]
        low, high = min(part, key=lambda point: point[2]), max(part, key=lambda point: point[2])
        kept += [low] if low is high else sorted((low, high))
    return kept
