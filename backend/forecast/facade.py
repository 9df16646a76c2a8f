"""One call for the page and the command line: what would this run need?"""

from pathlib import Path

from backend.data import datasets
from backend.forecast import calibration, lengths
from backend.forecast.estimate import estimate, refuse_too_big
from backend.forecast.model import Comparison, Forecast
from backend.hardware import this_machine
from backend.models import catalogue
from backend.models.facts import facts
from backend.paths import Workspace
from backend.people import Person
from backend.recipes.schema import Recipe

__all__ = ["Comparison", "Forecast", "compare", "of", "refuse_too_big"]


def of(person: Person, workspace: Workspace, recipe: Recipe, *, model: str, data: str) -> Forecast:
    """The forecast for this person's choice; AccessError or ModelError when there is no such model or data set."""
    chosen, rows = catalogue.find(person, workspace, model), datasets.find(person, workspace, data)
    folder = Path(chosen.location)
    machine = this_machine(workspace.root)
    known = calibration.load(workspace, machine)
    counted = lengths.measured(rows.path, rows.rows, folder / "tokenizer.json")
    return estimate(facts(folder), recipe, counted, machine, known)


def compare(forecast: dict[str, object], result: dict[str, object]) -> Comparison | None:
    """Forecast beside measured; None for a run that has not finished, or started without a forecast.

    `forecast` as stored in the run's request, `result` as in its result.json.
    """
    said, measured = forecast.get("total_bytes"), result.get("peak_memory_bytes")
    if not said or not measured:
        return None
    return Comparison.model_validate(
        {
            "forecast_bytes": said,
            "measured_bytes": measured,
            "forecast_seconds": forecast.get("seconds"),
            "measured_seconds": result.get("seconds", 0.0),
        }
    )
