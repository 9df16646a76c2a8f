"""Starting a training: everything that can be refused is refused here, before a job exists."""

from typing import Any

from backend.data import check, checks, datasets, rows
from backend.data.datasets import Dataset
from backend.data.split import split
from backend.errors import DataError
from backend.forecast import facade
from backend.hardware import this_machine
from backend.jobs.model import Job, NewJob
from backend.jobs.service import Jobs
from backend.models import catalogue
from backend.models.control_words import control_words
from backend.paths import Workspace
from backend.people import Person
from backend.recipes.schema import Recipe
from backend.training.request import TrainRequest


def prepare(
    person: Person, workspace: Workspace, recipe: Recipe, *, model: str, data: str, forecast: dict[str, Any]
) -> TrainRequest:
    """The request for this recipe on this model and data; AccessError, DataError or ModelError for what cannot be."""
    chosen = datasets.find(person, workspace, data)
    replay = recipe.replay.data if recipe.replay.share > 0 else None
    asked = recipe.watching.check if recipe.objective == "chat" else None
    request = TrainRequest(
        recipe=recipe,
        model=catalogue.find(person, workspace, model),
        data=chosen,
        replay=datasets.find(person, workspace, replay) if replay else None,
        check=checks.find(person, workspace, asked) if asked else None,
        device="gpu:0" if this_machine(workspace.root).gpus else "cpu",
        forecast=forecast,
    )
    for used in (request.data, request.replay):
        _require_use(used, request)
    return request


def start_training(  # noqa: PLR0913 - one keyword for each thing a person chooses
    person: Person, jobs: Jobs, workspace: Workspace, recipe: Recipe, *, model: str, data: str, name: str
) -> Job:
    """Queue a training under this name, with what is forecast for it now; JobError when the name cannot be used,
    RecipeError when this machine is too small for it, else as `prepare`.
    """
    forecast = facade.of(person, workspace, recipe, model=model, data=data)
    facade.refuse_too_big(forecast)
    request = prepare(person, workspace, recipe, model=model, data=data, forecast=forecast.model_dump(mode="json"))
    new = NewJob(
        kind="train",
        name=name,
        request=request.model_dump(mode="json"),
        device=request.device,
        forecast_bytes=request.forecast_bytes,
    )
    return jobs.submit(person, new)


def _require_use(data: Dataset | None, request: TrainRequest) -> None:
    """DataError when these rows are of another kind than the recipe trains on, hold its test questions, or hold words
    that the model would take as commands.
    """
    if data is None:
        return
    recipe = request.recipe
    if data.shape != recipe.objective:
        raise DataError("training.other_shape", data=data.name, shape=data.shape, wanted=recipe.objective)
    learned, _ = split(rows.read(data.path), recipe.watching.eval_share, recipe.compute.seed)
    check.refuse_known_questions(learned, [asked.question for asked in recipe.watching.questions])
    check.control_words(rows.read(data.path), control_words(request.model.folder))
