"""Runs side by side: results and settings as rows of a table, curves as points. Plain values out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, isfinite
from statistics import fmean
from typing import Any, Literal

from backend.jobs.model import Job
from backend.recipes.leaves import Field, leaves
from studio.text import Words, clock
from studio.views.curves.series import Curves
from studio.views.curves.thinned import Thinned

Metric = Literal["loss", "eval", "rate", "norm", "speed", "memory"]
NOTHING = "–"
# As many as a run's own `train_loss` is the mean of.
LAST_STEPS = 20


@dataclass(frozen=True)
class Compared:
    """One run: its row, what it was asked to do, the figures it left (empty until it is done), its curves.

    `colour` is 1 to 8, as `studio.views.colours` gives it.
    """

    job: Job
    request: dict[str, Any]
    result: dict[str, Any]
    curves: Curves
    colour: int = 1


def compared(runs: Sequence[Compared], metric: Metric, words: Words) -> dict[str, Any]:
    """`runs`, their `curves` of one metric, and two tables: what they came to, what they were set to."""
    return {
        "runs": [
            {
                "id": one.job.id,
                "name": one.job.name,
                "active": one.job.active,
                "colour": one.colour,
                "curve": curve(one, metric),
            }
            for one in runs
        ],
        "results": results(runs, words),
        "settings": settings(runs, words),
    }


def curve(one: Compared, metric: Metric) -> dict[str, Any]:
    """Columns t (seconds), step, tokens where they are counted, and value."""
    table, column = source(one, metric)
    said = table.whole()
    return {name: said[name] for name in ("t", "step", "tokens") if name in said} | {"value": said[column]}


def source(one: Compared, metric: Metric) -> tuple[Thinned, str]:
    """Where a metric is, and under which name. Of memory: what is reserved on the card, else what the process takes."""
    if metric == "memory":
        return one.curves.memory, "reserved" if one.curves.memory.last("reserved") is not None else "process"
    if metric == "eval":
        return one.curves.eval, "loss"
    return one.curves.steps, metric


def results(runs: Sequence[Compared], words: Words) -> list[dict[str, Any]]:
    """What each run came to; `best` marks the lowest held-out loss where there is something to compare."""

    def row(key: str, tell: Callable[[Compared], str | None]) -> dict[str, Any]:
        return {"label": words.t(f"compare.{key}"), "values": [tell(one) or NOTHING for one in runs]}

    losses = [eval_loss(one) for one in runs]
    rows = [
        row("state", lambda one: words.t(f"state.{one.job.state.value}")),
        row("steps", lambda one: words.number(one.curves.step) if one.curves.step else None),
        row("final_loss", lambda one: loss(train_loss(one), words)),
        row("eval_before", lambda one: loss(one.curves.first_eval, words)),
        row("eval_loss", lambda one: loss(eval_loss(one), words)),
        row("time", lambda one: clock(one.curves.now) if one.curves.now else None),
        row("speed", lambda one: speed(one, words)),
        row("memory", lambda one: words.size(peak) if (peak := peak_memory(one)) else None),
    ]
    known = {value for value in losses if value is not None}
    rows[4]["best"] = [value is not None and value == min(known) for value in losses] if len(known) > 1 else None
    return rows


def train_loss(one: Compared) -> float | None:
    """Mean of the last steps; of a run that is not done, of the points that stand for them."""
    found: float | None = one.result.get("train_loss")
    return mean(one.curves.steps, "loss", LAST_STEPS) if found is None else found


def mean(table: Thinned, column: str, rows: int | None = None) -> float | None:
    """Of a column, or of the points that stand for its last `rows`; None without a number."""
    values = table.columns[column]
    last = values if rows is None else values[-ceil(rows / table.width) :]
    return fmean(numbers) if (numbers := [value for value in last if isfinite(value)]) else None


def eval_loss(one: Compared) -> float | None:
    found: float | None = one.result.get("eval_loss")
    return one.curves.eval_loss if found is None else found


def peak_memory(one: Compared) -> float:
    return float(one.result.get("peak_memory_bytes") or one.curves.peak_memory)


def speed(one: Compared, words: Words) -> str | None:
    found = one.result.get("tokens_per_second") or mean(one.curves.steps, "speed")
    return words.number(found) if found else None


def loss(value: float | None, words: Words) -> str | None:
    return None if value is None else words.number(value, 3)


def settings(runs: Sequence[Compared], words: Words) -> list[dict[str, Any]]:
    """Base model, data set and every setting; `same` where all runs agree."""
    rows = [
        (words.t("compare.model"), [named(one, "model") for one in runs]),
        (words.t("compare.data"), [named(one, "data") for one in runs]),
    ]
    for leaf in leaves():
        if not leaf.name.startswith("defaults."):
            rows.append((leaf.label(words.language), [setting(one, leaf, words) for one in runs]))
    return [{"label": label, "values": values, "same": len(set(values)) <= 1} for label, values in rows]


def named(one: Compared, what: str) -> str:
    return str((one.request.get(what) or {}).get("name") or NOTHING)


def setting(one: Compared, leaf: Field, words: Words) -> str:
    """The value as the language writes it; nothing where it has no effect in this run, or the run does not say."""
    recipe = one.request.get("recipe", {})
    idle = [name for name, values in leaf.when.items() if str(at(recipe, name)) not in values]
    value = at(recipe, leaf.name)
    return NOTHING if idle or value is None else written(value, leaf, words)


def written(value: Any, leaf: Field, words: Words) -> str:
    if leaf.kind == "choice":
        return words.t(f"choice.{value}")
    if leaf.kind == "switch":
        return words.t("choice.on" if value else "choice.off")
    if leaf.kind == "questions":
        return words.number(len(value))
    if leaf.kind == "corpora":
        return "; ".join(f"{one['data']}: {words.number(one['weight'], 10)}" for one in value) or NOTHING
    return words.number(value, 10) if isinstance(value, int | float) else str(value)


def at(recipe: dict[str, Any], name: str) -> Any:
    """The value of a setting by its dotted name; None when it is not there."""
    found: Any = recipe
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found
