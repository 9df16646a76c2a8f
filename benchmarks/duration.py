"""Forecast of time against measured runs: `python -m benchmarks.duration [--only starter-lora,...] [--json]`.

The machine is calibrated as a waiting worker does it; then the shipped recipes run at full length, and Llamas with
random weights for 40 steps, each in a process of its own through the runner that jobs use and on as many threads.
Measured is the time of the run without what its main thread waited for a processor (0 on a machine of its own), so that
other programs disturb the comparison little. The rough guess that stands in until a machine is calibrated is compared
as well; the target is for the calibrated forecast.
"""

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from backend.data import datasets
from backend.forecast import lengths, prior
from backend.forecast.calibration import Calibration
from backend.forecast.estimate import estimate
from backend.forecast.model import Forecast
from backend.hardware import this_machine
from backend.models import catalogue
from backend.models.facts import facts
from backend.paths import Workspace
from backend.people import HOME
from backend.recipes import load
from backend.training.request import TrainRequest
from benchmarks.common.report import Target, finish
from benchmarks.forecasting.settings import Setting, make_data, make_model, recipe
from benchmarks.forecasting.trial import Trial, calibration, trial

WITHIN = 0.30
STEPS = 40
RECIPES = ("starter-lora", "starter-qlora", "starter-full")
SETTINGS = (
    Setting("30m", "lora", 8, 128), Setting("30m", "qlora", 4, 256), Setting("30m", "full", 8, 128),
    Setting("90m", "lora", 4, 128), Setting("50m", "lora", 4, 256), Setting("45m", "full", 4, 64),
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    name: str
    forecast: float
    rough: float
    steps: int
    found: Trial

    @property
    def error(self) -> float:
        return self.forecast / self.found.undisturbed - 1

    @property
    def rough_error(self) -> float:
        return self.rough / self.found.undisturbed - 1


def requests(folder: Path, wanted: list[str]) -> dict[str, TrainRequest]:
    """What is run, by name; all of it when nothing is wanted by name."""
    workspace = Workspace(folder / "workspace").create()
    made = {}
    for name in RECIPES:
        chosen = load.find(HOME, workspace, name).recipe
        model = catalogue.find(HOME, workspace, chosen.defaults.model)
        data = datasets.find(HOME, workspace, chosen.defaults.data)
        made[name] = TrainRequest(recipe=chosen, model=model, data=data)
    for setting in SETTINGS:
        if not wanted or setting.name in wanted:
            model, data = make_model(setting.model, folder), make_data(setting, folder)
            made[setting.name] = TrainRequest(recipe=recipe(setting, STEPS), model=model, data=data)
    return {name: request for name, request in made.items() if not wanted or name in wanted}


def forecast(request: TrainRequest, known: Calibration | None) -> Forecast:
    counted = lengths.of_run(request.recipe, request.data, request.replay, request.model.folder / "tokenizer.json")
    return estimate(facts(request.model.folder), request.recipe, counted, this_machine(), known)


def measure(name: str, request: TrainRequest, known: Calibration, folder: Path) -> Outcome:
    said, rough = forecast(request, known), forecast(request, prior.guess(this_machine()))
    found = trial(request, said, folder)
    return Outcome(name, said.seconds or 0.0, rough.seconds or 0.0, said.steps, found)


def line(one: Outcome) -> str:
    found = one.found
    return (
        f"{one.name:24} {one.forecast:8.1f} {found.undisturbed:8.1f} {one.error:+7.1%} {one.rough:8.1f} "
        f"{one.rough_error:+7.1%} {found.seconds:8.1f} {found.processor:9.1f} {one.steps:5} {found.steps:5}"
    )


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="recipes and settings, with commas between them")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    known = calibration()
    print(f"{'run':24} forecast measured   error    rough   error     wall processor steps (forecast, made)")
    outcomes = []
    with tempfile.TemporaryDirectory() as folder:
        for name, request in requests(Path(folder), [name for name in options.only.split(",") if name]).items():
            outcomes.append(measure(name, request, known, Path(folder)))
            print(line(outcomes[-1]), flush=True)
    return report(outcomes)


def report(outcomes: list[Outcome]) -> int:
    figures: dict[str, float] = {}
    for one in outcomes:
        figures[f"{one.name}: forecast seconds"] = round(one.forecast, 1)
        figures[f"{one.name}: measured seconds"] = round(one.found.undisturbed, 1)
        figures[f"{one.name}: error"] = round(one.error, 4)
        figures[f"{one.name}: error of the rough guess"] = round(one.rough_error, 4)
    worst = max(abs(one.error) for one in outcomes)
    return finish("duration", figures, {"worst error": Target(worst, WITHIN, "below")})


if __name__ == "__main__":
    sys.exit(main())
