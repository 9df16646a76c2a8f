"""What a chain needs: the memory of its largest stage, the time of all, the disk for all that stays meanwhile."""

from collections.abc import Sequence

from backend.chains.request import StageRequest
from backend.forecast import facade
from backend.forecast.load import FP32
from backend.forecast.model import Forecast
from backend.models import weights
from backend.paths import Workspace
from backend.people import Person
from backend.recipes.schema import Recipe


def of_stage(
    person: Person, workspace: Workspace, recipe: Recipe, *, model: str, data: str, under: Forecast | None
) -> Forecast:
    """As `backend.forecast.facade.of`, with the adapters of the stage `under` it, which stay in memory."""
    found = facade.of(person, workspace, recipe, model=model, data=data)
    frozen = under.parts["adapter"] if under else 0
    return found.model_copy(
        update={
            "parts": {**found.parts, "adapter": found.parts["adapter"] + frozen},
            "total_bytes": found.total_bytes + frozen,
            "needed_bytes": found.needed_bytes + frozen,
        }
    )


def of_chain(forecasts: Sequence[Forecast], stages: Sequence[StageRequest]) -> Forecast:
    """Memory of the stage that needs most; steps and seconds of all; disk as `disk_bytes`."""
    largest = max(forecasts, key=lambda one: one.needs)
    seconds = [one.seconds for one in forecasts]
    return largest.model_copy(
        update={
            "steps": sum(one.steps for one in forecasts),
            "seconds": None if None in seconds else sum(one for one in seconds if one is not None),
            "measured": all(one.measured for one in forecasts),
            "disk_bytes": disk_bytes(forecasts, stages),
        }
    )


def disk_bytes(forecasts: Sequence[Forecast], stages: Sequence[StageRequest]) -> int:
    """The checkpoints of one stage at a time; what every stage has made; at most two merged models at once."""
    size = sum(path.stat().st_size for path in weights.files(stages[0].train.model.folder))
    merges = sum(stage.start == "merged" for stage in stages)
    made = sum(
        FP32 * size // 2 if stage.train.recipe.method == "full" else one.parts["adapter"]
        for stage, one in zip(stages, forecasts, strict=True)
    )
    return max(one.disk_bytes for one in forecasts) + made + min(merges, 2) * size
