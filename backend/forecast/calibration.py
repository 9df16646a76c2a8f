"""What is known of this machine from measuring it: kept in workspace/calibration, one JSON file per machine.

A file belongs to one processor (or graphics card) and one set of library versions; after either changes the machine is
measured again.
"""

import hashlib
import os
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from statistics import median
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backend.hardware import Machine
from backend.jobs.folder import write_atomically
from backend.paths import Workspace

LIBRARIES = ("torch", "transformers", "peft", "accelerate", "bitsandbytes")
# Measured on Linux with the versions in requirements.txt; a calibration of the machine replaces it.
CPU_RUNTIME_BYTES = 920 * 2**20
MOST_RATIOS = 9
SHORTEST_SECONDS = 1.0
LEAST_RATIO, MOST_RATIO = 0.25, 4.0
# A run that differs by more was disturbed, or is of a kind that one factor does not mend.
LEAST_GROWTH, MOST_GROWTH = 0.7, 1.5
# Where activations are less of what a process grows by, its peak says nothing about them.
TELLING_SHARE = 0.25
FEWEST_STEPS = 5
# As if so many runs had been as forecast: one odd run alone changes nothing.
FORECAST_RUNS = 2
Speeds = tuple[tuple[int, Annotated[float, Field(gt=0)]], ...]


class Calibration(BaseModel):
    """Seconds and bytes of this machine.

    `runtime_bytes`: of a process that has loaded the training libraries; `seconds_per_flop`: (hidden width, seconds per
    operation while training a model of this width), narrowest first, and the same with weights in four bits;
    `seconds_per_layer`: what a layer costs in one step however few tokens it gets; `seconds_per_weight`: what each of
    its weights costs then, for it has to be read; `seconds_per_number`: of making one number out of four bits;
    `seconds_per_trained`: of the optimizer, for one number; `ratios`: measured by forecast time of the latest runs of
    each method; `growth`: the same of activations, in bytes; `ran_out`: what they had grown by at least when memory ran
    out, until a run of the method has ended well; `rough`: guessed, not measured.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    runtime_bytes: int = Field(gt=0)
    seconds_per_flop: Speeds = Field(min_length=1)
    seconds_per_quantised_flop: Speeds = Field(min_length=1)
    seconds_per_layer: float = Field(gt=0)
    seconds_per_weight: float = Field(ge=0)
    seconds_per_number: float = Field(gt=0)
    seconds_per_trained: float = Field(ge=0)
    ratios: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    growth: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    ran_out: dict[str, float] = Field(default_factory=dict)
    rough: bool = False

    def grown(self, method: str) -> float:
        """By how many times as much as forecast the activations of this method's latest runs made a process grow."""
        usual = median([*[1.0] * FORECAST_RUNS, *self.growth.get(method, ())])
        return max(usual, self.ran_out.get(method, usual))

    def ratio(self, method: str) -> float:
        """Median of the latest runs of this method on this machine and of one that took as long as forecast."""
        return median([1.0, *self.ratios.get(method, ())])

    def per_flop(self, width: int, *, quantised: bool) -> float:
        """Seconds per operation in a model of this hidden width.

        Between the widths that were measured it falls as one over the width: there is as much to do besides the
        products for each number of the hidden state. Outside of them it is that of the nearest.
        """
        known = self.seconds_per_quantised_flop if quantised else self.seconds_per_flop
        for (narrow, slow), (wide, fast) in pairwise(known):
            if narrow <= width <= wide:
                share = (1 / width - 1 / wide) / (1 / narrow - 1 / wide)
                return fast + share * (slow - fast)
        return known[0][1] if width <= known[0][0] else known[-1][1]


def machine_id(machine: Machine) -> str:
    """A name for this processor or card with these libraries, the same at every start."""
    device = machine.gpus[0].name if machine.gpus else machine.cpu_name
    threads = os.environ.get("OMP_NUM_THREADS", "")
    known = [device, str(machine.cores), threads, *(f"{name} {_version(name)}" for name in LIBRARIES)]
    return hashlib.sha256("\n".join(known).encode()).hexdigest()[:16]


def load(workspace: Workspace, machine: Machine) -> Calibration | None:
    """What is known of this machine; None when it has not been measured, or the file is of no use."""
    path = workspace.calibration / f"{machine_id(machine)}.json"
    try:
        return Calibration.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def save(workspace: Workspace, machine: Machine, calibration: Calibration) -> None:
    workspace.calibration.mkdir(parents=True, exist_ok=True)
    path = workspace.calibration / f"{machine_id(machine)}.json"
    write_atomically(path, calibration.model_dump_json(indent=1))


def learn(
    workspace: Workspace, machine: Machine, method: str, forecast: dict[str, Any], result: dict[str, Any]
) -> None:
    """Remember how much longer or shorter a finished run took than was forecast.

    `forecast` as stored with the run's request, `result` as in its result.json. A run without a forecast of its time,
    or with a rough one, or one that was over at once, teaches nothing, and one that is far off no more than the bounds.
    """
    known = load(workspace, machine)
    said, took = forecast.get("seconds"), result.get("seconds")
    if known is None or not forecast.get("measured") or not said or not took or took < SHORTEST_SECONDS:
        return
    unscaled = float(said) / known.ratio(method)
    found = min(MOST_RATIO, max(LEAST_RATIO, float(took) / unscaled))
    latest = (*known.ratios.get(method, ()), round(found, 4))[-MOST_RATIOS:]
    with suppress(OSError):  # a full disk must not undo a finished run
        save(workspace, machine, known.model_copy(update={"ratios": {**known.ratios, method: latest}}))


def learn_memory(workspace: Workspace, machine: Machine, method: str, forecast: dict[str, Any], peak: int) -> None:
    """Remember how much more or less a run grew than was forecast, at the moment of all activations.

    Everything else in a forecast is counted; how many holes the heap gets is not. `peak`: bytes at most resident. A run
    whose activations were little of it teaches nothing, and one that is far off no more than the bounds.
    """
    known = load(workspace, machine)
    found = _growth(known, method, forecast, peak)
    if known is None or found is None:
        return
    growth = {**known.growth, method: (*known.growth.get(method, ()), found)[-MOST_RATIOS:]}
    ran_out = {name: least for name, least in known.ran_out.items() if name != method}
    with suppress(OSError):
        save(workspace, machine, known.model_copy(update={"growth": growth, "ran_out": ran_out}))


def learn_ran_out(workspace: Workspace, machine: Machine, method: str, forecast: dict[str, Any], peak: int) -> None:
    """Remember that memory ran out at this `peak`: the next run of the method needs at least as much.

    Where it ran out below the forecast, others had taken what was free, and nothing is learned.
    """
    known = load(workspace, machine)
    found = _growth(known, method, forecast, peak)
    if known is not None and found is not None and found > known.grown(method):
        with suppress(OSError):
            save(workspace, machine, known.model_copy(update={"ran_out": {**known.ran_out, method: found}}))


def _growth(known: Calibration | None, method: str, forecast: dict[str, Any], peak: int) -> float | None:
    """How many times the activations of an uncorrected forecast lead to this peak; None where that says nothing."""
    said = forecast.get("parts") or {}
    activations, whole = int(said.get("activations", 0)), sum(map(int, said.values()))
    if known is None or activations < TELLING_SHARE * (whole - int(said.get("runtime", 0))) or activations == 0:
        return None
    found = (peak - (whole - activations)) / (activations / known.grown(method))
    return round(min(MOST_GROWTH, max(LEAST_GROWTH, found)), 4)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"
