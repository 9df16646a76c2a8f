"""One call for the page and the command line: what would this run need?"""

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from backend.data import datasets
from backend.data.corpora import share
from backend.data.datasets import Dataset
from backend.errors import ModelError
from backend.forecast import calibration, lengths, prior
from backend.forecast.advice.fitting import Fitting, fitted
from backend.forecast.estimate import estimate, refuse_too_big, too_big
from backend.forecast.lengths import Lengths
from backend.forecast.model import Forecast
from backend.hardware import Machine, this_machine
from backend.models import catalogue
from backend.models.catalogue import Model
from backend.models.facts import ModelFacts, facts
from backend.paths import Workspace
from backend.people import Person
from backend.recipes.schema import Recipe

__all__ = ["Fitting", "Forecast", "make_fit", "of", "refuse_too_big", "too_big"]


def of(person: Person, workspace: Workspace, recipe: Recipe, *, model: str, data: str) -> Forecast:
    """The forecast for this person's choice; AccessError or ModelError when there is no such model or data set."""
    return Choice.of(person, workspace, model, data, this_machine(workspace.root)).forecast(recipe)


def make_fit(person: Person, workspace: Workspace, recipe: Recipe, *, model: str, data: str) -> Fitting:
    """What to change so that it fits into the memory that is free now; errors as `of`."""
    machine = this_machine(workspace.root)
    chosen = Choice.of(person, workspace, model, data, machine)
    others = [Choice.of(person, workspace, other.id, data, machine) for other in _smaller(person, workspace, chosen)]
    return fitted(recipe, chosen.forecast, ((other.model.id, other.forecast(recipe)) for other in others))


@dataclass(frozen=True)
class Choice:
    """A person's model and data, on this machine as it is at one moment."""

    person: Person
    workspace: Workspace
    model: Model
    data: Dataset
    machine: Machine

    @classmethod
    def of(cls, person: Person, workspace: Workspace, model: str, data: str, machine: Machine) -> "Choice":
        chosen, rows = catalogue.find(person, workspace, model), datasets.find(person, workspace, data)
        return cls(person, workspace, chosen, rows, machine)

    @cached_property
    def facts(self) -> ModelFacts:
        return facts(self.model.folder)

    def forecast(self, recipe: Recipe) -> Forecast:
        known = calibration.load(self.workspace, self.machine) or prior.guess(self.machine)
        counted = self._lengths(recipe)
        made = estimate(self.facts, recipe, counted, self.machine, known)
        return made.model_copy(update={"sampled": counted.sampled})

    def _lengths(self, recipe: Recipe) -> Lengths:
        tokenizer = self.model.folder / "tokenizer.json"
        weighed = share.weighed(recipe, self.data, share.found(self.person, self.workspace, recipe))
        if weighed:
            return lengths.streamed(recipe, weighed, self.workspace, tokenizer)
        mixed_in = recipe.replay.data if recipe.replay.share > 0 else None
        replay = datasets.find(self.person, self.workspace, mixed_in) if mixed_in else None
        return lengths.of_run(recipe, self.data, replay, tokenizer)


def _smaller(person: Person, workspace: Workspace, chosen: Choice) -> list[Model]:
    """Models of this person with fewer parameters, the largest first; those that cannot be trained are left out."""
    sizes = dict[str, tuple[int, Model]]()
    for model in catalogue.available(person, workspace):
        with suppress(ModelError):
            sizes[model.id] = facts(model.folder).parameters, model
    fewer = [pair for pair in sizes.values() if pair[0] < chosen.facts.parameters]
    return [model for _, model in sorted(fewer, key=lambda pair: -pair[0])]
