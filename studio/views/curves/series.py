"""What a run has said so far, folded event by event into curves, phases and answers; no Gradio, no files."""

from dataclasses import dataclass, field
from itertools import pairwise

from backend.jobs.events import Attempt, Checkpoint, Evaluation, Memory, Note, Phase, Said, Sample, Stage, Step
from studio.views.curves.thinned import Fold, Thinned

MOST_PHASES = 400
MOST_PAGES = 120
MOST_NOTES = 20

STEPS: dict[str, Fold] = {
    "t": "last", "step": "last", "tokens": "last", "loss": "mean", "low": "lowest", "high": "highest",
    "rate": "last", "norm": "highest", "speed": "mean",
}  # fmt: skip
EVALUATIONS: dict[str, Fold] = {"t": "last", "step": "last", "tokens": "last", "loss": "mean"}
REWARDS: dict[str, Fold] = {"t": "last", "step": "last", "chosen": "mean", "rejected": "mean", "accuracy": "mean"}
MEMORY: dict[str, Fold] = {
    "t": "last", "step": "last", "process": "highest", "allocated": "highest", "reserved": "highest", "card": "highest",
}  # fmt: skip


@dataclass
class Curves:
    """Grows with `fold`, but never beyond a bound: a run of a million steps takes no more memory than one of 2,000.

    What an interrupted attempt said about steps that were then repeated is forgotten. Times are seconds of run time.
    `rewards`: of the pairs of each step, `apart`: of those kept apart; both empty where nothing is preferred.
    `attempt`: the newest that has said anything; `loading`: it has made no step yet; `doing`: its phase; `saved`: the
    step that it would go on from.
    `new_phases`, `new_answers` (steps) and `fewer_answers` are what nobody has been told yet; who tells it clears them.
    """

    steps: Thinned = field(default_factory=lambda: Thinned(STEPS))
    eval: Thinned = field(default_factory=lambda: Thinned(EVALUATIONS))
    memory: Thinned = field(default_factory=lambda: Thinned(MEMORY))
    rewards: Thinned = field(default_factory=lambda: Thinned(REWARDS))
    apart: Thinned = field(default_factory=lambda: Thinned(REWARDS))
    phases: list[tuple[float, str]] = field(default_factory=list)
    attempt: int = 0
    loading: bool = False
    doing: str | None = None
    saved: int = 0
    resumed: list[tuple[float, int]] = field(default_factory=list)
    stages: dict[int, Stage] = field(default_factory=dict)
    answers: dict[int, dict[int, Sample]] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    last: Step | None = None
    now: float = 0.0
    peak_memory: float = 0.0
    first_eval: float | None = None
    new_phases: bool = False
    new_answers: set[int] = field(default_factory=set)
    fewer_answers: bool = False

    def fold(self, event: Said) -> None:
        self.now = max(self.now, event.t)
        match event:
            case Step():
                self._step(event)
            case Evaluation():
                self._evaluation(event)
            case Memory():
                self._memory(event)
            case Phase():
                self._phase(event.t, event.name)
            case Sample():
                self._answer(event)
            case Note():
                self.notes = [*self.notes[1 - MOST_NOTES :], event]
            case Attempt() | Checkpoint() | Stage():
                self._place(event)

    @property
    def stage(self) -> Stage | None:
        """Of a chain: the one that it is in."""
        return self.stages[max(self.stages)] if self.stages else None

    def silent(self, attempt: int) -> bool:
        """This attempt, the newest, has said nothing yet: what is known was said by an earlier one."""
        return self.attempt < attempt > 1

    def begins(self, attempt: int) -> bool:
        """This attempt has made no step yet: what an earlier one said of its speed is past."""
        return self.last is None or self.loading or self.silent(attempt)

    @property
    def step(self) -> int:
        """The newest that counts."""
        return self.last.step if self.last else self.resumed[-1][1] if self.resumed else 0

    @property
    def loss(self) -> float | None:
        """Mean of the newest point."""
        return self.steps.last("loss")

    @property
    def eval_loss(self) -> float | None:
        return self.eval.last("loss")

    def _step(self, said: Step) -> None:
        self.last, self.loading = said, False
        loss = said.loss
        self.steps.append(
            said.t, said.step, said.tokens, loss, loss, loss, said.learning_rate, said.grad_norm, said.tokens_per_second
        )
        self._rewards(self.rewards, said)

    def _evaluation(self, said: Evaluation) -> None:
        self.eval.append(said.t, said.step, self.last.tokens if self.last else 0, said.loss)
        if self.first_eval is None:
            self.first_eval = said.loss
        self._rewards(self.apart, said)

    def _rewards(self, table: Thinned, said: Step | Evaluation) -> None:
        if said.rewards:
            table.append(said.t, said.step, said.rewards.chosen, said.rewards.rejected, said.rewards.accuracy)

    def _memory(self, said: Memory) -> None:
        self.memory.append(said.t, self.step, said.process, said.allocated, said.reserved, said.card)
        self.peak_memory = max(self.peak_memory, said.card or said.reserved or said.process)

    def _answer(self, said: Sample) -> None:
        self.answers.setdefault(said.step, {})[said.index] = said
        self.new_answers.add(said.step)
        if len(self.answers) > MOST_PAGES:
            self.answers = thinner(self.answers)
            self.fewer_answers = True

    def _phase(self, t: float, name: str) -> None:
        self.new_phases, self.doing = True, name
        if not self.phases or self.phases[-1][1] != name:
            self.phases.append((t, name))
        if len(self.phases) > MOST_PHASES:
            self.phases = longest(self.phases)

    def _stage(self, said: Stage) -> None:
        """Those after it have yet to come, also when they were there before something of this one was lost."""
        first = self.stages.get(said.number, said)
        self.stages = {number: one for number, one in self.stages.items() if number < said.number}
        self.stages[said.number] = first if first.step == said.step else said
        self.new_phases = True

    def _place(self, said: Attempt | Checkpoint | Stage) -> None:
        """Where it is, and from where it goes on, or would."""
        if isinstance(said, Stage):
            self._stage(said)
            return
        if isinstance(said, Checkpoint):
            self.saved = said.step
            return
        self.attempt, self.loading, self.doing, self.saved = said.number, True, None, said.from_step
        if said.number > 1:
            self._go_back_to(said)

    def _go_back_to(self, said: Attempt) -> None:
        self.resumed.append((said.t, said.from_step))
        for table in (self.steps, self.eval, self.rewards, self.apart):
            table.cut("step", said.from_step)
        self.answers = {at: found for at, found in self.answers.items() if at <= said.from_step}
        self.fewer_answers = True
        if self.last and self.last.step > said.from_step:
            self.last = None


def longest(phases: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """About half of them: the short ones become part of what came before; the first and the newest stay."""
    lasted = sorted(after[0] - before[0] for before, after in pairwise(phases))
    least = lasted[len(lasted) // 2]
    kept = [phases[0]]
    for one, after in [*pairwise(phases[1:]), (phases[-1], None)]:
        if (after is None or after[0] - one[0] > least) and kept[-1][1] != one[1]:
            kept.append(one)
    return kept


def thinner(answers: dict[int, dict[int, Sample]]) -> dict[int, dict[int, Sample]]:
    """Every second step at which questions were answered; the first and the newest stay."""
    steps = sorted(answers)
    kept = {*steps[::2], steps[-1]}
    return {step: found for step, found in answers.items() if step in kept}
