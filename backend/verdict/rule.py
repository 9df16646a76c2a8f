"""The rule: from what was measured to one of five words. docs/verdict.md says why it is so."""

from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from statistics import fmean, stdev

from backend.verdict.chance import Interval, mean_change, share_change
from backend.verdict.measured import Evaluation, Measured, Score

# A change of the loss smaller than this share of what it was at the start is not worth a name.
LEAST_SHARE = 0.02
# By how much of its best value the held-out loss must rise again.
RISE_SHARE = 0.05
FEWEST_HELD_OUT = 10
FEWEST_STEPS = 10
# The first and last losses of a noisy curve are means of so many steps.
FIRST_STEPS, LAST_STEPS = 5, 20
# A language of which the check could have lost more than this share unseen is not called kept.
KEPT_SHARE = 0.2


class Kind(StrEnum):
    LEARNED = "learned"
    OVER_FITTED = "over_fitted"
    NO_CHANGE = "no_change"
    DIVERGED = "diverged"
    UNMEASURED = "unmeasured"


@dataclass(frozen=True)
class Language:
    """What the check has shown of one language."""

    score: Score
    change: Interval

    @property
    def gained(self) -> bool:
        return self.change.low > 0

    @property
    def lost(self) -> bool:
        return self.change.high < 0

    @property
    def kept(self) -> bool:
        """Known before, and no great part of it can have been lost."""
        return self.score.before > 0 and not self.gained and not self.lost and self.change.low > -KEPT_SHARE


@dataclass(frozen=True)
class HeldOut:
    """Losses on held-out rows; the changes are of the mean row. `change`: from start to end, `rise`: since the best."""

    first: float
    best: float
    last: float
    best_step: int
    rows: int
    change: Interval
    rise: Interval

    @property
    def learned(self) -> bool:
        return self.change.high < -LEAST_SHARE * self.first

    @property
    def worse(self) -> bool:
        return self.change.low > LEAST_SHARE * self.first

    @property
    def rising(self) -> bool:
        return self.rise.low > 0 and self.rise.change > RISE_SHARE * self.best


@dataclass(frozen=True)
class Finding:
    """`held_out` is None when too little was held out, or measured, to tell a change from chance."""

    kind: Kind
    held_out: HeldOut | None
    languages: tuple[Language, ...]
    train_first: float | None = None
    train_last: float | None = None


def judge(run: Measured) -> Finding:
    """The word for a run that has ended, and what it rests on."""
    held_out = compared(run.held_out)
    languages = tuple(Language(score, share_change(score.gained, score.lost, score.count)) for score in run.scores)
    numbers = [loss for _, loss in run.train if loss is not None]
    first, last = (numbers[0], fmean(numbers[-LAST_STEPS:])) if numbers else (None, None)
    return Finding(_kind(run, held_out, languages), held_out, languages, first, last)


def _kind(run: Measured, held_out: HeldOut | None, languages: tuple[Language, ...]) -> Kind:
    if run.fell_apart or (run.whole and (_no_number(run) or _rose(run, held_out))):
        return Kind.DIVERGED
    if not run.whole:
        return Kind.UNMEASURED
    if held_out and held_out.rising and _train_fell_since(run, held_out.best_step):
        return Kind.OVER_FITTED
    if (held_out and held_out.learned) or any(language.gained for language in languages):
        return Kind.LEARNED
    if (held_out is None and not languages) or run.steps < FEWEST_STEPS:
        return Kind.UNMEASURED
    return Kind.NO_CHANGE


def _no_number(run: Measured) -> bool:
    """The last loss that was measured is none."""
    return any(losses and losses[-1] is None for losses in ([one for _, one in run.train], _losses(run.held_out)))


def _losses(held_out: tuple[Evaluation, ...]) -> list[float | None]:
    return [one.loss for one in held_out]


def _rose(run: Measured, held_out: HeldOut | None) -> bool:
    """The training loss ends above where it began, by more than its steps differ among themselves.

    Where it began is the loss of the first step, before anything was learned: where it explodes, it does so at the
    second. One step says little, so the held-out loss has to have risen too; without one, the first steps together.
    """
    numbers = [loss for _, loss in run.train if loss is not None]
    if len(numbers) < FEWEST_STEPS or (held_out is not None and not held_out.worse):
        return False
    first, last = fmean(numbers[: 1 if held_out else FIRST_STEPS]), numbers[-min(LAST_STEPS, len(numbers) // 3) :]
    noise = 2 * stdev(last) / sqrt(len(last))
    return fmean(last) - noise > first * (1 + LEAST_SHARE)


def _train_fell_since(run: Measured, step: int) -> bool:
    """The training loss after the last steps is lower than it was around `step`."""
    numbers = [(at, loss) for at, loss in run.train if loss is not None]
    width = max(1, min(LAST_STEPS, len(numbers) // 5))
    before = [loss for at, loss in numbers if at <= max(step, width)][-width:]
    return bool(before) and fmean(loss for _, loss in numbers[-width:]) < fmean(before)


def compared(held_out: tuple[Evaluation, ...]) -> HeldOut | None:
    """The first, best and last measurement of the same rows; None when there are too few rows or one measurement."""
    measured = [(one, _whole(one)) for one in held_out]
    usable = [(one, rows, one.loss) for one, rows in measured if rows and one.loss is not None]
    if len(usable) < 2 or len({len(rows) for _, rows, _ in usable}) > 1:
        return None
    (_, first, first_loss), (_, last, last_loss) = usable[0], usable[-1]
    best, best_rows, best_loss = min(usable, key=lambda one: one[2])
    if len(first) < FEWEST_HELD_OUT:
        return None
    return HeldOut(
        first=first_loss,
        best=best_loss,
        last=last_loss,
        best_step=best.step,
        rows=len(first),
        change=mean_change(first, last),
        rise=mean_change(best_rows, last),
    )


def _whole(one: Evaluation) -> list[float]:
    """The losses of its rows, or nothing when one of them is no number."""
    rows = [loss for loss in one.each if loss is not None]
    return rows if len(rows) == len(one.each) else []
