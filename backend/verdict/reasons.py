"""Why a run may have ended as it did, and what to try: from its settings and figures, never more than these say."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from math import ceil

from backend.messages import Count, Number, Phrase
from backend.recipes import load
from backend.verdict.measured import Measured
from backend.verdict.rule import FEWEST_HELD_OUT, Finding, Kind

STARTER, STARTER_CHECK, STARTER_REPLAY = "starter", "starter-dev", "starter-en-it"
MIXED, MIXED_IS_OF = "starter-mixed", "starter-ro"
SAME = "same"
RATE, EPOCHS, STEPS = "schedule.learning_rate", "schedule.epochs", "schedule.max_steps"
HIGH_RATE, LOW_RATE = 1e-3, 2e-5
FEW_STEPS, FEW_ROWS = 50, 200
MOST = 3


@dataclass(frozen=True)
class Sentence:
    """`key` and `values` as in `StudioError`."""

    key: str
    values: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Advice:
    """Something to try. `recipe`: which one to open Train with ("same": that of the run; "": there is no button), and
    the settings to change in it, as they are written in a recipe."""

    said: Sentence
    recipe: str = ""
    changes: dict[str, str] = field(default_factory=dict)


def why(run: Measured, found: Finding) -> list[Sentence]:
    """At most three reasons."""
    return list(_WHY[found.kind](run, found))[:MOST]


def advice(run: Measured, found: Finding) -> list[Advice]:
    """At most three things to try, the most promising first."""
    return list(_TRY[found.kind](run, found))[:MOST]


def forgot(found: Finding) -> bool:
    return any(language.lost for language in found.languages)


def _said(key: str, **values: object) -> Sentence:
    return Sentence(f"verdict.{key}", values)


def _about(setting: str, key: str, **values: object) -> Sentence:
    """A sentence that names a setting as the form does."""
    return _said(key, setting=Phrase(f"recipe_fields.{setting}"), **values)


def plain(value: float) -> Number:
    """0.00004, not 4e-05; at most three figures."""
    return Number(f"{Decimal(f'{value:.3g}'):f}")


def loss(value: float) -> Number:
    return Number(f"{value:.2f}" if value < 100 else f"{value:.0f}")


def steps(count: int) -> Count:
    return Count("verdict.steps", count)


# Why


def _why_learned(run: Measured, found: Finding) -> Iterator[Sentence]:
    recipe = run.setting.recipe
    if not forgot(found):
        if recipe.replay.share:
            yield _said("why.mixed", share=round(100 * recipe.replay.share))
        yield _said("why.longer", steps=steps(run.steps))
        return
    if not recipe.replay.share:
        yield _said("why.nothing_mixed")
    if recipe.method == "full":
        yield _said("why.full")
    if recipe.method != "full" and recipe.schedule.learning_rate >= HIGH_RATE:
        key = "why.recipe_rate" if _as_shipped(run) else "why.high_rate"
        yield _about(RATE, key, rate=plain(recipe.schedule.learning_rate))


def _as_shipped(run: Measured) -> bool:
    """Whether the learning rate is the one that a recipe of the studio brought: nobody chose it."""
    recipe = run.setting.recipe
    same = (file.recipe for file in load.shipped() if file.recipe.title == recipe.title)
    return any(one.schedule.learning_rate == recipe.schedule.learning_rate for one in same)


def _why_over_fitted(run: Measured, found: Finding) -> Iterator[Sentence]:
    assert found.held_out is not None
    yield _said("why.best", step=found.held_out.best_step, total=run.total)
    if passes(run) >= 2:
        yield _said("why.passes", passes=Number(f"{passes(run):.3g}"))
    if run.setting.rows < FEW_ROWS:
        yield _said("why.few_rows", examples=Count("verdict.examples", run.setting.rows))
    if forgot(found):
        yield from _why_learned(run, found)


def _why_no_change(run: Measured, _: Finding) -> Iterator[Sentence]:
    rate = run.setting.recipe.schedule.learning_rate
    if rate <= LOW_RATE:
        yield _about(RATE, "why.low_rate", rate=plain(rate))
    if run.steps < FEW_STEPS:
        yield _said("why.few_steps", steps=steps(run.steps))
    yield _said("why.chance")


def _why_diverged(run: Measured, found: Finding) -> Iterator[Sentence]:
    if run.fell_apart or found.train_last is None or found.train_first is None:
        yield _said("why.no_number", step=run.steps)
    else:
        yield _said("why.rose", first=loss(found.train_first), last=loss(found.train_last))
    yield _about(RATE, "why.rate", rate=plain(run.setting.recipe.schedule.learning_rate))


def _why_unmeasured(run: Measured, found: Finding) -> Iterator[Sentence]:
    if not run.whole:
        yield _said("why.not_whole", done=run.steps, total=run.total) if run.total else _said("why.not_begun")
        return
    if run.steps < FEWEST_HELD_OUT:
        yield _said("why.few_steps", steps=steps(run.steps))
    if found.held_out is None:
        rows = len(run.held_out[-1].each) if run.held_out else 0
        yield _said("why.few_held_out", examples=Count("verdict.examples", rows), fewest=FEWEST_HELD_OUT)
    if not found.languages:
        yield _said("why.no_check")


_WHY = {
    Kind.LEARNED: _why_learned,
    Kind.OVER_FITTED: _why_over_fitted,
    Kind.NO_CHANGE: _why_no_change,
    Kind.DIVERGED: _why_diverged,
    Kind.UNMEASURED: _why_unmeasured,
}


# What to try


def _try_learned(run: Measured, found: Finding) -> Iterator[Advice]:
    recipe = run.setting.recipe
    if not forgot(found):
        yield Advice(_said("try.ask"))
        return
    yield from _try_mixing(run)
    yield _other_rate(run, "try.lower_rate", 0.5)
    if passes(run) > 1 and recipe.schedule.max_steps is None:
        yield _other_passes(max(1.0, passes(run) / 2))


def _try_mixing(run: Measured) -> Iterator[Advice]:
    setting = run.setting
    if setting.recipe.replay.share or setting.recipe.objective != "chat":
        return
    if (setting.model, setting.data, setting.recipe.method) == (STARTER, MIXED_IS_OF, "lora"):
        yield Advice(_said("try.mixed_recipe"), MIXED)
    elif setting.model == STARTER:
        yield Advice(_said("try.mix_starter"), SAME, {"replay.data": STARTER_REPLAY, "replay.share": "0.5"})
    else:
        yield Advice(_about("replay.data", "try.mix"))


def _try_over_fitted(run: Measured, found: Finding) -> Iterator[Advice]:
    assert found.held_out is not None
    share = max(found.held_out.best_step, 1) / max(run.total, 1)
    if run.setting.recipe.schedule.max_steps is None:
        yield _other_passes(passes(run) * share)
    else:
        fewer = str(max(found.held_out.best_step, 1))
        yield Advice(_about(STEPS, "try.fewer_steps", steps=fewer), SAME, {STEPS: fewer})
    yield _other_rate(run, "try.lower_rate", 0.5)
    yield Advice(_said("try.more_data"))


def _try_no_change(run: Measured, _: Finding) -> Iterator[Advice]:
    recipe = run.setting.recipe
    if recipe.schedule.learning_rate < HIGH_RATE:
        yield _other_rate(run, "try.higher_rate", 10)
    if recipe.schedule.max_steps is None:
        yield _other_passes(3 * passes(run), "try.more_passes")
    else:
        more = str(3 * recipe.schedule.max_steps)
        yield Advice(_about(STEPS, "try.more_steps", steps=more), SAME, {STEPS: more})
    yield Advice(_said("try.more_data"))


def _try_diverged(run: Measured, _: Finding) -> Iterator[Advice]:
    yield _other_rate(run, "try.tenth_rate", 0.1)


def _try_unmeasured(run: Measured, found: Finding) -> Iterator[Advice]:
    setting = run.setting
    if not run.whole:
        yield Advice(_said("try.resume"))
        return
    if found.held_out is None and setting.rows >= 2 * FEWEST_HELD_OUT:
        share = min(0.5, ceil(200 * FEWEST_HELD_OUT / setting.rows) / 100)
        said = _about("watching.eval_share", "try.hold_out", share=round(100 * share))
        yield Advice(said, SAME, {"watching.eval_share": str(share)})
    if setting.recipe.schedule.max_steps is not None:
        yield Advice(_about(STEPS, "try.all_steps"), SAME, {STEPS: ""})
    if not found.languages and setting.model == STARTER and setting.recipe.objective == "chat":
        yield Advice(_said("try.check"), SAME, {"watching.check": STARTER_CHECK})
    if found.held_out is None and setting.rows < 2 * FEWEST_HELD_OUT:
        yield Advice(_said("try.more_data"))


_TRY = {
    Kind.LEARNED: _try_learned,
    Kind.OVER_FITTED: _try_over_fitted,
    Kind.NO_CHANGE: _try_no_change,
    Kind.DIVERGED: _try_diverged,
    Kind.UNMEASURED: _try_unmeasured,
}


def passes(run: Measured) -> float:
    """How many times the run was meant to see each example."""
    return run.setting.recipe.schedule.epochs


def _other_passes(wanted: float, key: str = "try.fewer_passes") -> Advice:
    written = plain(max(wanted, 0.1) if wanted < 1 else round(wanted, 1))
    return Advice(_about(EPOCHS, key, passes=written), SAME, {EPOCHS: str(written)})


def _other_rate(run: Measured, key: str, times: float) -> Advice:
    rate = plain(min(1.0, max(1e-7, run.setting.recipe.schedule.learning_rate * times)))
    return Advice(_about(RATE, key, rate=rate), SAME, {RATE: str(rate)})
