"""One call for the page and the command line: what would this run need?"""

from pathlib import Path

from backend.data import datasets
from backend.data.corpora import share
from backend.forecast import calibration, lengths, prior
from backend.forecast.estimate import estimate, refuse_too_big, too_big
from backend.forecast.model import Forecast
from backend.hardware import this_machine
from backend.models import catalogue
from backend.models.facts import facts
from backend.paths import Workspace
from backend.people import Person
from backend.recipes.schema import Recipe

__all__ = ["Forecast", "of", "refuse_too_big", "too_big"]


def of(person: Person, workspace: Workspace, recipe: Recipe, *, model: str, data: str) -> Forecast:
    """The forecast for this person's choice; AccessError or ModelError when there is no such model or data set."""
    chosen, rows = catalogue.find(person, workspace, model), datasets.find(person, workspace, data)
    folder = Path(chosen.location)
    machine = this_machine(workspace.root)
    known = calibration.load(workspace, machine) or prior.guess(machine)
    mixed_in = recipe.replay.data if recipe.replay.share > 0 else None
    replay = datasets.find(person, workspace, mixed_in) if mixed_in else None
    weighed = share.weighed(recipe, rows, share.found(person, workspace, recipe))
    if weighed:
        counted = lengths.streamed(recipe, weighed, workspace, folder / "tokenizer.json")
    else:
        counted = lengths.of_run(recipe, rows, replay, folder / "tokenizer.json")
    return estimate(facts(folder), recipe, counted, machine, known)
