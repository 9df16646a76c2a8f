"""The forecast of a run, from the model's config.json, the recipe, the lengths of the data and the machine."""

from dataclasses import replace
from math import ceil

from backend.errors import RecipeError
from backend.forecast import duration, memory
from backend.forecast.besides import departures
from backend.forecast.calibration import CPU_RUNTIME_BYTES, Calibration
from backend.forecast.lengths import Lengths
from backend.forecast.load import Load, disk_bytes
from backend.forecast.model import Forecast
from backend.forecast.size import size
from backend.forecast.work import Work, work
from backend.hardware import Machine
from backend.models.facts import ModelFacts
from backend.recipes.schema import Recipe

# Context, kernels and workspaces of CUDA on the card.
GPU_RUNTIME_BYTES = 700 * 2**20
# The choice that an advice is about: where a form says that a run does not fit.
ADVISED = {
    "forecast.advice_batch": "batch.size",
    "forecast.advice_length": "batch.max_length",
    "forecast.advice_lora": "method",
    "forecast.advice_qlora": "method",
    "forecast.advice_model": "model",
}


def estimate(
    facts: ModelFacts, recipe: Recipe, lengths: Lengths, machine: Machine, calibration: Calibration | None
) -> Forecast:
    """Memory, time and disk of training `facts` by `recipe` on rows of these lengths on this machine.

    With gradient_checkpointing "auto" it is on only where the run would not fit into free memory without it.
    """
    todo = work(lengths, recipe)
    load = replace(_load(facts, recipe, todo, machine, calibration), seen=lengths.seen)
    total, free = _device(machine)
    if recipe.compute.gradient_checkpointing == "auto" and memory.needed(load) > free:
        load = replace(load, checkpointing=True)
    parts = memory.parts(load)
    forecast = Forecast(
        parts=parts,
        total_bytes=sum(parts.values()),
        needed_bytes=memory.needed(load),
        device_bytes=total,
        free_bytes=free,
        steps=todo.steps,
        tokens_per_step=todo.tokens_per_step,
        gradient_checkpointing=load.checkpointing,
        disk_bytes=disk_bytes(load),
        disk_free_bytes=machine.disk_free_bytes,
        seconds=_seconds(load, todo, calibration),
        measured=calibration is not None and not _rough(load, calibration),
    )
    return forecast.model_copy(update={"advice": _advice(forecast, recipe)})


def refuse_too_big(forecast: Forecast) -> None:
    """RecipeError when the run needs more memory, or more disk, than this machine has at all or has left."""
    if forecast.needs > forecast.device_bytes:
        raise RecipeError("forecast.too_big", needed=size(forecast.needs), has=size(forecast.device_bytes))
    if forecast.disk_bytes > forecast.disk_free_bytes:
        raise RecipeError("forecast.no_disk", needed=size(forecast.disk_bytes), free=size(forecast.disk_free_bytes))


def too_big(forecast: Forecast) -> dict[str, RecipeError]:
    """As `refuse_too_big`, under the choice that is best changed: "model", or the name of a setting."""
    try:
        refuse_too_big(forecast)
    except RecipeError as error:
        at = "watching.keep_checkpoints" if error.key == "forecast.no_disk" else ADVISED.get(forecast.advice, "model")
        return {at: error}
    return {}


def _load(facts: ModelFacts, recipe: Recipe, todo: Work, machine: Machine, calibration: Calibration | None) -> Load:
    gpu = bool(machine.gpus)
    runtime = GPU_RUNTIME_BYTES if gpu else CPU_RUNTIME_BYTES
    return Load(
        facts=facts,
        recipe=recipe,
        tokens=todo.largest,
        learned=round(todo.largest * todo.learned),
        evaluated=todo.evaluated,
        runtime=calibration.runtime_bytes if calibration else runtime,
        gpu=gpu,
        checkpointing=recipe.compute.gradient_checkpointing == "on",
        grown=calibration.grown(recipe.method) if calibration else 1.0,
        span=ceil(todo.looked / todo.largest),
    )


def _seconds(load: Load, todo: Work, calibration: Calibration | None) -> float | None:
    """A rough time is told in whole tens of seconds, from two minutes on in whole minutes."""
    if calibration is None:
        return None
    found = duration.seconds(load, todo, calibration)
    if not _rough(load, calibration):
        return found
    grain = 10 if found < 120 else 60
    return float(max(grain, grain * round(found / grain)))


def _rough(load: Load, calibration: Calibration) -> bool:
    return calibration.rough or departures.rough(load.facts, load.recipe)


def _device(machine: Machine) -> tuple[int, int]:
    """Memory and free memory of what the run would run on."""
    best = max(machine.gpus, key=lambda gpu: gpu.free_bytes, default=None)
    if best is None:
        return machine.memory_bytes, machine.memory_free_bytes
    return best.memory_bytes, best.free_bytes


def _advice(forecast: Forecast, recipe: Recipe) -> str:
    """The key of the sentence that would help most, or "" when it fits."""
    if forecast.fits:
        return ""
    taken = {name: count for name, count in forecast.parts.items() if name != "runtime"}
    largest = max(taken, key=lambda name: taken[name])
    if largest in ("activations", "logits") and recipe.batch.size > 1:
        return "forecast.advice_batch"
    if largest in ("activations", "logits"):
        return "forecast.advice_length"
    if recipe.method == "full":
        return "forecast.advice_lora"
    return "forecast.advice_qlora" if recipe.method == "lora" else "forecast.advice_model"
