"""`launch.py train CHAIN`: several stages as one run."""

from collections.abc import Iterable

from backend.chains.submit import Choice
from backend.data import datasets
from backend.errors import RecipeError
from backend.jobs.service import Jobs
from backend.models import catalogue
from backend.people import HOME
from backend.recipes.chains import WAYS, ChainFile, Way


def choice(jobs: Jobs, file: ChainFile, model: str | None, data: str | None, changes: Iterable[str]) -> Choice:
    """What was chosen with --model and --set: `2.data=NAME` and `2.lora.rank=8` are of the second stage,
    `way=merged` is of the chain, and any other setting is of every stage. RecipeError for what no chain knows.
    """
    if data is not None:
        raise RecipeError("chains.data_by_stage")
    way, sets = file.chain.way, dict[int, str]()
    settings: dict[int, dict[str, str]] = {number: {} for number in range(1, len(file.chain.stages) + 1)}
    for change in changes:
        name, _, value = change.partition("=")
        stage, _, rest = name.partition(".")
        if name == "way":
            way = _way(value)
        elif not stage.isdigit():
            for each in settings.values():
                each[name] = value
        elif int(stage) not in settings:
            raise RecipeError("chains.no_stage", number=stage[:9], count=len(settings))
        elif rest == "data":
            sets[int(stage)] = datasets.bring(HOME, jobs.workspace, value).id
        else:
            settings[int(stage)][rest] = value
    chosen = catalogue.bring(HOME, jobs.workspace, model).id if model else None
    return Choice(model=chosen, way=way, data=sets, changes=settings)


def _way(value: str) -> Way:
    for known in WAYS:
        if known == value:
            return known
    raise RecipeError("chains.no_way", way=value[:40], ways=", ".join(WAYS))
