"""What a chain is asked to do: the contents of its request.json."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from backend.recipes.chains import Way
from backend.training.request import TrainRequest

Start = Literal["base", "stacked", "merged", "whole"]


class StageRequest(BaseModel):
    """One training. `start`: from the base model ("base"), over the adapter of the stage before ("stacked"), from base
    and adapter as one model ("merged"), or from the model that the stage before has trained ("whole").

    `train.model` is the base model in every stage: where the weights then lie is known when they are made.
    """

    model_config = ConfigDict(frozen=True)
    title: dict[str, str] = Field(default_factory=dict)
    recipe_id: str
    start: Start
    train: TrainRequest


class ChainRequest(TrainRequest):
    """The recipe, the data and the model are those of the stage whose work can be asked now: of the last one, when all
    is done. `forecast`: of the whole.
    """

    chain: str
    title: dict[str, str] = Field(default_factory=dict)
    way: Way
    stages: tuple[StageRequest, ...]


def start_of(way: Way, before: str | None, method: str) -> Start:
    """How a stage by this method starts after one by the method `before`, None for the first."""
    if before is None:
        return "base"
    if before == "full":
        return "whole"
    return "merged" if method == "full" else way
