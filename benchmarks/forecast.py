"""Forecast of memory against the measured peak: `python -m benchmarks.forecast [--only starter,30m,120m] [--json]`.

Each setting is a real training of a few steps in a process of its own, through the runner that jobs use; its peak is
VmHWM. Models are the starter and Llamas of 30M and 120M parameters with random weights; methods are LoRA, QLoRA and
full; batch and length vary. The forecast has the memory of a process after the imports, measured once in another
process, and otherwise only config.json, recipe and data; but its two factors for the holes of the heap were chosen on
earlier runs of these settings (docs/forecast.md).
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from backend.forecast import lengths
from backend.forecast.calibration import Calibration
from backend.forecast.estimate import estimate
from backend.forecast.model import Forecast
from backend.hardware import Machine, this_machine
from backend.jobs.supervisor.start import environment
from backend.models.facts import facts
from backend.paths import ROOT
from backend.training.request import TrainRequest
from benchmarks.forecast_settings import GROUPS, Setting, make_data, make_model, recipe
from benchmarks.report import Target, finish

WITHIN_OF_TOTAL, WITHIN_OF_GROWTH = 0.20, 0.25
RUNNER = """
import sys
from pathlib import Path
from backend.jobs.context import JobContext
from backend.jobs.folder import RunFolder
from backend.training.run import run
folder = RunFolder(Path(sys.argv[1]))
sys.exit(run(JobContext(folder, folder.read(folder.request))))
"""
IMPORTS = "import backend.training.run, psutil; print(psutil.Process().memory_info().rss)"


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
    counted = lengths.measured(data.path, data.rows, model.folder / "tokenizer.json")
    forecast = estimate(facts(model.folder), chosen, counted, machine, known)
    request = TrainRequest(recipe=chosen, model=model, data=data, forecast=forecast.model_dump(mode="json"))
    run = Path(tempfile.mkdtemp(dir=folder))
    (run / "request.json").write_text(request.model_dump_json(), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", RUNNER, str(run)], cwd=ROOT, env=environment(), capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{setting.name}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    result = json.loads((run / "result.json").read_text(encoding="utf-8"))
    shutil.rmtree(run)
    return Outcome(setting, forecast, known.runtime_bytes, result["peak_memory_bytes"], result["imports_memory_bytes"])


def imports() -> Calibration:
    """The memory of a process after the imports; no speed, for none is compared here."""
    found = subprocess.run(
        [sys.executable, "-c", IMPORTS], cwd=ROOT, env=environment(), check=True, capture_output=True, text=True
    )
    size = int(found.stdout.split()[-1])
    speeds = {"seconds_per_flop": ((1, 1e-10),), "seconds_per_quantised_flop": ((1, 1e-10),)}
    return Calibration(
        runtime_bytes=size, seconds_per_layer=1e-3, seconds_per_number=1e-9, seconds_per_trained=1e-9, **speeds
    )


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--group", choices=sorted(GROUPS), default="all")
    parser.add_argument("--only", default="", help="models, with commas between them")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    machine, known = this_machine(), imports()
    outcomes = []
    print(f"{'setting':24} {'forecast':>9} {'measured':>9} {'error':>7} {'growth':>9} {'error':>7}   MB")
    with tempfile.TemporaryDirectory() as folder:
        for setting in GROUPS[options.group]:
            if options.only and setting.model not in options.only.split(","):
                continue
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
    figures: dict[str, float] = {}
    for found in outcomes:
        figures[f"{found.setting.name} total"] = round(found.total_error, 4)
        figures[f"{found.setting.name} growth"] = round(found.growth_error, 4)
    large = [found for found in outcomes if found.setting.model != "starter"]
    targets = {"worst total": Target(max(abs(f.total_error) for f in outcomes), WITHIN_OF_TOTAL, "below")}
    if large:
        targets["worst growth"] = Target(max(abs(f.growth_error) for f in large), WITHIN_OF_GROWTH, "below")
    return finish("forecast", figures, targets)


if __name__ == "__main__":
    sys.exit(main())
