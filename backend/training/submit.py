"""Starting a training: everything that can be refused is refused here, before a job exists."""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from backend import devices
from backend.data import check, checks, datasets, intact, rows
from backend.data.corpora import share
from backend.data.datasets import Dataset
from backend.data.preparing import plan
from backend.data.split import split
from backend.errors import DataError, JobError, ModelError, RecipeError, StudioError
from backend.forecast import facade
from backend.hardware import Machine, this_machine
from backend.hub.selection import quantised
from backend.jobs.model import Job, NewJob
from backend.jobs.service import Jobs
from backend.messages import Named
from backend.models import catalogue
from backend.models.catalogue import Model
from backend.models.control_words import control_words
from backend.models.facts import read_config
from backend.paths import Workspace
from backend.people import Person
from backend.recipes.schema import Recipe
from backend.training.request import TrainRequest


def unfit(person: Person, workspace: Workspace, recipe: Recipe, *, model: str, data: str) -> dict[str, StudioError]:
    """What of these choices is not there, or does not go with the others: by "model", "data" or name of a setting."""
    return _chosen(person, workspace, recipe, model, data)[1]


def prepare(
    person: Person, workspace: Workspace, recipe: Recipe, *, model: str, data: str, forecast: dict[str, Any]
) -> TrainRequest:
    """The request for this recipe on this model and data; AccessError, DataError or ModelError for what cannot be."""
    found, faults = _chosen(person, workspace, recipe, model, data)
    for fault in faults.values():
        raise fault
    return TrainRequest(
        recipe=recipe,
        model=found["model"],
        data=found["data"],
        replay=found.get("replay.data"),
        check=found.get("watching.check"),
        corpora=found["corpora"],
        device=pick(recipe, this_machine(workspace.root)),
        forecast=forecast,
    )


def pick(recipe: Recipe, machine: Machine) -> str:
    """The device of a run: as many cards as it asks for, those with the most free memory, else the processor."""
    wanted = recipe.compute.devices
    if not machine.gpus:
        return "cpu"
    if wanted == 1:
        return "gpu:0"
    freest = sorted(machine.gpus, key=lambda gpu: -gpu.free_bytes)
    return devices.together(gpu.index for gpu in freest[:wanted])


def start_training(  # noqa: PLR0913 - one keyword for each thing a person chooses
    person: Person, jobs: Jobs, workspace: Workspace, recipe: Recipe, *, model: str, data: str, name: str
) -> Job:
    """Queue a training under this name, with what is forecast for it now; JobError when the name cannot be used,
    RecipeError when this machine is too small for it, else as `prepare`.
    """
    forecast = facade.of(person, workspace, recipe, model=model, data=data)
    facade.refuse_too_big(forecast)
    kept = forecast.model_dump(mode="json")
    request = prepare(person, workspace, recipe, model=model, data=data, forecast=kept)
    new = NewJob(
        kind="train",
        name=name,
        request=request.model_dump(mode="json"),
        device=request.device,
        forecast_bytes=request.forecast_bytes,
    )
    return jobs.submit(person, new)


def _chosen(
    person: Person, workspace: Workspace, recipe: Recipe, model: str, data: str
) -> tuple[Mapping[str, Any], dict[str, StudioError]]:
    """What was found, and what is wrong, by the name of the choice."""
    wanted: dict[str, Callable[[], Any]] = {
        "model": partial(catalogue.find, person, workspace, model),
        "data": partial(datasets.find, person, workspace, data),
        "corpora": partial(_mixed, person, workspace, recipe),
    }
    if recipe.replay.share > 0:
        wanted["replay.data"] = partial(datasets.find, person, workspace, recipe.replay.data or "")
    if recipe.watching.check and recipe.objective in ("chat", "preference"):
        wanted["watching.check"] = partial(checks.find, person, workspace, recipe.watching.check)
    found, faults = dict[str, Any](), dict[str, StudioError]()
    for name, find in wanted.items():
        _attempt(name, find, found, faults)
    if fault := _unseen(found, recipe):
        return found, {**faults, "objective": fault}
    if recipe.compute.devices > 1:
        _attempt("compute.devices", partial(_enough, recipe.compute.devices, workspace), found, faults)
    _together(found, recipe, faults)
    return found, faults


def _together(found: dict[str, Any], recipe: Recipe, faults: dict[str, StudioError]) -> None:
    """What was found is looked at beside the recipe, and the data beside the model."""
    if "model" in found:
        _attempt("model", partial(_trainable, found["model"], recipe), found, faults)
    folder = found["model"].folder if "model" in found else None
    for name in ("data", "replay.data"):
        if name in found:
            _attempt(name, partial(_usable, found[name], recipe, folder), found, faults)


def _unseen(found: Mapping[str, Any], recipe: Recipe) -> RecipeError | None:
    """Model and data go together, and the recipe does not look at the pictures: one sentence, not one for each."""
    model, data = found.get("model"), found.get("data")
    if recipe.objective == "vision" or not model or not data:
        return None
    if model.kind != "vision" or data.shape not in check.PICTURED:
        return None
    return RecipeError(
        "training.for_pictures", model=Named(model.name, model.titles), data=Named(data.name, data.titles)
    )


def _attempt(name: str, step: Callable[[], Any], found: dict[str, Any], faults: dict[str, StudioError]) -> None:
    try:
        found[name] = step()
    except StudioError as fault:
        faults[name] = fault


def _enough(wanted: int, workspace: Workspace) -> int:
    """The same number; JobError when this machine has fewer cards, or as a machine without cards fewer cores."""
    machine = this_machine(workspace.root)
    if machine.gpus and wanted > len(machine.gpus):
        raise JobError("training.few_cards", wanted=wanted, cards=len(machine.gpus))
    if not machine.gpus and wanted > machine.cores:
        raise JobError("training.few_cores", wanted=wanted, cores=machine.cores)
    return wanted


def _trainable(model: Model, recipe: Recipe) -> Model:
    """The same model; ModelError when it cannot be shown what the recipe shows, or when its weights are rounded already
    in a way that cannot be trained like this.
    """
    if recipe.objective == "vision" and model.kind != "vision":
        raise ModelError("training.sees_nothing", model=Named(model.name, model.titles))
    if recipe.objective != "vision" and model.kind == "vision":
        raise ModelError("training.sees", model=Named(model.name, model.titles))
    rounded = quantised(read_config(model.folder))
    if rounded and recipe.method == "full":
        raise ModelError("hub.rounded_full", name=model.name)
    return model


def _usable(data: Dataset, recipe: Recipe, model: Path | None) -> Dataset:
    """The same data set; DataError when its rows are of another kind than the recipe trains on, hold its test
    questions, or hold words that the model would take as commands.
    """
    check.refuse_other_shape(data, recipe.objective)
    size = intact.state(data)[0]
    if recipe.objective == "text" and (recipe.corpora or size > share.STREAMED_BYTES):
        plan.refuse_parts(data)
        return data  # nobody waits for a walk through it: control words in it are read as plain text
    questions = tuple(asked.question for asked in recipe.watching.questions)
    words = tuple(control_words(model)) if model else ()
    fault = _fault_of_rows(data.path, data.sha256, questions, recipe.watching.eval_share, recipe.compute.seed, words)
    if fault:
        raise fault
    return data


def _mixed(person: Person, workspace: Workspace, recipe: Recipe) -> tuple[Dataset, ...]:
    """The data sets that a recipe mixes in; DataError when one holds no plain text or is gone, RecipeError when one is
    there twice.
    """
    corpora = share.found(person, workspace, recipe)
    for at, corpus in enumerate(corpora):
        check.refuse_other_shape(corpus, recipe.objective)
        plan.refuse_parts(corpus)
        intact.state(corpus)
        if corpus.id in [other.id for other in corpora[:at]]:
            raise RecipeError("recipes.corpora_twice", name=corpus.name)
    return corpora


@lru_cache(maxsize=64)
def _fault_of_rows(
    path: Path, _sha256: str, questions: tuple[str, ...], eval_share: float, seed: int, words: tuple[str, ...]
) -> DataError | None:
    """Read once for the same rows, questions and model: the page asks again after every change of a field."""
    try:
        learned, _ = split(rows.read(path), eval_share, seed)
        check.refuse_known_questions(learned, questions)
        check.control_words(rows.read(path), words)
    except DataError as fault:
        return fault
    return None
