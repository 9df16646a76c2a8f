"""Forecast of memory against the measured peak: `python -m benchmarks.forecast [--group fresh] [--only 30m] [--json]`.

Each setting is a real training of a few steps in a process of its own, through the runner that jobs use; its peak is
VmHWM. Models are the starter and Llamas of 20M to 150M parameters with random weights; methods are LoRA, QLoRA and
full; batch and length vary. The forecast has the memory of a process after the imports, measured once in another
process, and otherwise only config.json, recipe and data. Its two factors for the holes of the heap were chosen on
earlier runs of the settings in the group "fitted". What full training adds to them was chosen on "fresh" and
"matrix"; "other" was first compared afterwards, then "drawn", and "later" last of all (docs/forecast.md).
"""

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from backend.forecast import lengths
from backend.forecast.calibration import Calibration
from backend.forecast.estimate import estimate
from backend.forecast.model import Forecast
from backend.hardware import Machine, this_machine
from backend.models.facts import facts
from backend.training.request import TrainRequest
from benchmarks.common.report import Target, finish
from benchmarks.forecasting import trial
from benchmarks.forecasting.settings import (
    DRAWN,
    FITTED,
    FRESH,
    LATER,
    MATRIX,
    OTHER,
    SIGHT,
    Setting,
    make_data,
    make_model,
    recipe,
)

WITHIN_OF_TOTAL, WITHIN_OF_GROWTH = 0.20, 0.25
GROUPS = {
    "fitted": FITTED,
    "fresh": FRESH,
    "matrix": MATRIX,
    "other": OTHER,
    "drawn": DRAWN,
    "later": LATER,
    "sight": SIGHT,
}
GROUPS["all"] = sum(GROUPS.values(), ())
# Of the matrix: forecast above the measured peak by no more, and below it by no more.
MOST_OVER, MOST_UNDER = 0.10, 0.05


@dataclass(frozen=True)
class Outcome:
    setting: Setting
    forecast: Forecast
    runtime: int
    peak: int
    imports: int

    @property
    def total_error(self) -> float:
        return (self.forecast.total_bytes - self.peak) / self.peak

    @property
    def growth_error(self) -> float:
        """Of what is left after the memory of the imports is taken away on both sides."""
        grown = self.peak - self.imports
        return (self.forecast.total_bytes - self.runtime - grown) / grown


def measure(setting: Setting, folder: Path, machine: Machine, known: Calibration, steps: int) -> Outcome:
    chosen, model, data = recipe(setting, steps), make_model(setting.model, folder), make_data(setting, folder)
    counted = lengths.of_run(chosen, data, None, model.folder / "tokenizer.json")
    forecast = estimate(facts(model.folder), chosen, counted, machine, known)
    found = trial.trial(TrainRequest(recipe=chosen, model=model, data=data), forecast, folder)
    return Outcome(setting, forecast, known.runtime_bytes, found.peak, found.imports)


def imports() -> Calibration:
    """The memory of a process after the imports; no speed, for none is compared here."""
    some = ((1, 1e-10),)
    return Calibration(
        runtime_bytes=trial.imports(),
        seconds_per_flop=some,
        seconds_per_quantised_flop=some,
        seconds_per_layer=1e-3,
        seconds_per_weight=1e-10,
        seconds_per_number=1e-9,
        seconds_per_trained=1e-9,
    )


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--group", choices=sorted(GROUPS), default="all")
    parser.add_argument("--only", default="", help="models, with commas between them")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    wanted = [s for s in GROUPS[options.group] if not options.only or s.model in options.only.split(",")]
    machine, known = this_machine(), imports()
    outcomes = []
    print(f"{'setting':24} {'forecast':>9} {'measured':>9} {'error':>7} {'growth':>9} {'error':>7}   MB")
    with tempfile.TemporaryDirectory() as folder:
        for setting in wanted:
            found = measure(setting, Path(folder), machine, known, options.steps)
            outcomes.append(found)
            print(line(found), flush=True)
    return report(outcomes)


def line(found: Outcome) -> str:
    grown = (found.peak - found.imports) / 1e6
    return (
        f"{found.setting.name:24} {found.forecast.total_bytes / 1e6:9.0f} {found.peak / 1e6:9.0f} "
        f"{found.total_error:+7.1%} {grown:9.0f} {found.growth_error:+7.1%}"
    )


def report(outcomes: list[Outcome]) -> int:
    """Every figure, and the worst of each group against the targets."""
    figures: dict[str, float] = {}
    for found in outcomes:
        group = next(name for name, settings in GROUPS.items() if found.setting in settings)
        figures[f"{group}: {found.setting.name} total"] = round(found.total_error, 4)
        figures[f"{group}: {found.setting.name} growth"] = round(found.growth_error, 4)
    targets: dict[str, Target] = {}
    for group in ("fitted", "fresh"):
        some = [found for found in outcomes if found.setting in GROUPS[group]]
        large = [found for found in some if found.setting.model != "starter"]
        if some:
            worst = max(abs(found.total_error) for found in some)
            targets[f"{group}: worst total"] = Target(worst, WITHIN_OF_TOTAL, "below")
        if large:
            worst = max(abs(found.growth_error) for found in large)
            targets[f"{group}: worst growth"] = Target(worst, WITHIN_OF_GROWTH, "below")
    for group in ("matrix", "other", "drawn", "later", "sight"):
        errors = [found.total_error for found in outcomes if found.setting in GROUPS[group]]
        if errors:
            targets[f"{group}: most over"] = Target(max(errors), MOST_OVER, "below")
            targets[f"{group}: most under"] = Target(-min(errors), MOST_UNDER, "below")
    return finish("forecast", figures, targets)


if __name__ == "__main__":
    sys.exit(main())
