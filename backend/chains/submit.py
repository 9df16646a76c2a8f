"""Starting a chain: everything that can be refused, in any of its stages, is refused here, before a job exists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from backend.chains import forecast
from backend.chains.request import ChainRequest, StageRequest, start_of
from backend.errors import ModelError, RecipeError, StudioError
from backend.forecast.estimate import refuse_too_big
from backend.forecast.model import Forecast
from backend.jobs.model import Job, NewJob
from backend.jobs.service import Jobs
from backend.messages import Named, Phrase
from backend.models import catalogue, templates
from backend.paths import Workspace
from backend.people import Person
from backend.recipes import load
from backend.recipes.chains import ChainFile, Way
from backend.recipes.schema import Recipe
from backend.training import submit
from backend.training.request import TrainRequest

KIND = "chain"


@dataclass(frozen=True)
class Choice:
    """What a person chose of a chain; what is missing is as the chain has it. `data` and `changes` by stage from 1."""

    model: str | None = None
    way: Way | None = None
    data: Mapping[int, str] = field(default_factory=dict)
    changes: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """One stage: `title` by language."""

    recipe_id: str
    title: dict[str, str]
    recipe: Recipe
    data: str


@dataclass(frozen=True)
class Planned:
    """A chain whose every stage can be trained; `forecasts` of its stages, in order, and `whole` of them all."""

    request: ChainRequest
    forecasts: list[Forecast]
    whole: Forecast


def plan(person: Person, workspace: Workspace, file: ChainFile, choice: Choice) -> Planned:
    """RecipeError names the first stage that cannot be trained, and says why; AccessError: there is no such model."""
    chain = file.chain
    wanted = []
    for number, stage in enumerate(chain.stages, start=1):
        try:
            recipe = load.find(person, workspace, stage.recipe).recipe
            recipe = load.with_changes(recipe, {**stage.changes, **choice.changes.get(number, {})})
        except StudioError as fault:
            raise _in_stage(number, len(chain.stages), Named(stage.called("en"), stage.titles), fault) from fault
        data = choice.data.get(number) or stage.data or recipe.defaults.data
        wanted.append(Wanted(stage.recipe, stage.titles, recipe, data))
    model = choice.model or chain.model or wanted[0].recipe.defaults.model
    facts = {"chain": file.id, "title": dict(chain.title), "way": choice.way or chain.way}
    return _planned(person, workspace, wanted, model, facts)


def start_chain(person: Person, jobs: Jobs, file: ChainFile, choice: Choice, name: str) -> Job:
    """Queue the chain as one job; errors as `plan`, RecipeError when this machine is too small for a stage, JobError
    for a name that cannot be used.
    """
    return _submit(person, jobs, plan(person, jobs.workspace, file, choice), name)


def repeat(person: Person, jobs: Jobs, before: ChainRequest, name: str) -> Job:
    """The same chain once more; errors as `start_chain`, also when its model or data are no longer there."""
    wanted = [Wanted(stage.recipe_id, stage.title, stage.train.recipe, stage.train.data.id) for stage in before.stages]
    facts = {"chain": before.chain, "title": before.title, "way": before.way}
    model = before.stages[0].train.model.id
    return _submit(person, jobs, _planned(person, jobs.workspace, wanted, model, facts), name)


def _planned(
    person: Person, workspace: Workspace, wanted: Sequence[Wanted], model: str, facts: Mapping[str, Any]
) -> Planned:
    chosen = catalogue.find(person, workspace, model).id
    made: list[StageRequest] = []
    forecasts: list[Forecast] = []
    for number, one in enumerate(wanted, start=1):
        before = wanted[number - 2].recipe if number > 1 else None
        start = start_of(facts["way"], before.method if before else None, one.recipe.method)
        try:
            if one.recipe.compute.devices > 1:
                raise RecipeError("chains.one_device")
            if start == "stacked":
                _refuse_not_plain(*(part.recipe for part in wanted[number - 2 : number]))
            under = forecasts[-1] if start == "stacked" else None
            found = forecast.of_stage(person, workspace, one.recipe, model=chosen, data=one.data, under=under)
            told = found.model_dump(mode="json")
            train = submit.prepare(person, workspace, one.recipe, model=chosen, data=one.data, forecast=told)
            _refuse_without_template(train)
        except StudioError as fault:
            named = Named(one.title.get("en", one.recipe_id), one.title)
            raise _in_stage(number, len(wanted), named, fault) from fault
        made.append(StageRequest(title=one.title, recipe_id=one.recipe_id, start=start, train=train))
        forecasts.append(found)
    whole = forecast.of_chain(forecasts, made)
    last = made[-1].train.model_copy(update={"forecast": whole.model_dump(mode="json")})
    parts = {name: getattr(last, name) for name in TrainRequest.model_fields}
    return Planned(ChainRequest(**parts, **facts, stages=tuple(made)), forecasts, whole)


def _in_stage(number: int, count: int, title: Named, fault: StudioError) -> RecipeError:
    """The same fault, with the stage that it is in."""
    what = Phrase(fault.key, **fault.values)
    return RecipeError("chains.in_stage", number=number, count=count, title=title, what=what)


def _refuse_not_plain(before: Recipe, recipe: Recipe) -> None:
    """RecipeError: only sums of products can stand beside each other."""
    if before.lora.dora or recipe.lora.dora:
        raise RecipeError("chains.stacked_dora")
    if before.new_tokens or recipe.new_tokens:
        raise RecipeError("chains.stacked_tokens")


def _refuse_without_template(train: TrainRequest) -> None:
    own = train.recipe.template == "auto"
    if own and train.recipe.objective != "text" and templates.of(train.model.folder) is None:
        raise ModelError("training.no_chat_template", model=train.model.name)


def _submit(person: Person, jobs: Jobs, planned: Planned, name: str) -> Job:
    refuse_too_big(planned.whole)
    request = planned.request
    new = NewJob(
        kind=KIND,
        name=name,
        request=request.model_dump(mode="json"),
        device=request.device,
        forecast_bytes=planned.whole.total_bytes,
    )
    return jobs.submit(person, new)
