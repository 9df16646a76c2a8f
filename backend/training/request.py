"""What a training job is asked to do: the contents of its request.json."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from backend.data.corpora import share
from backend.data.corpora.share import Weighed
from backend.data.datasets import Dataset
from backend.models.catalogue import Model
from backend.recipes.schema import Recipe


class Before(BaseModel):
    """An earlier adapter on the same base, in the folder `adapter`, over which a new one is trained; `sha256` is of its
    weights.
    """

    model_config = ConfigDict(frozen=True)
    adapter: Path
    sha256: str


class TrainRequest(BaseModel):
    """`data`, `replay` and `check` are files of rows, `corpora` those that the recipe mixes in, in its order;
    `forecast` is what was shown before the start; `before` stays as it is under what is trained.
    """

    model_config = ConfigDict(frozen=True)
    recipe: Recipe
    model: Model
    data: Dataset
    replay: Dataset | None = None
    check: Dataset | None = None
    corpora: tuple[Dataset, ...] = ()
    before: Before | None = None
    device: str = "cpu"
    forecast: dict[str, Any] = Field(default_factory=dict)

    @property
    def weighed(self) -> tuple[Weighed, ...]:
        """What is streamed; () when the rows are tokenised as a whole. DataError when a file is gone."""
        return share.weighed(self.recipe, self.data, self.corpora)

    @property
    def forecast_bytes(self) -> int | None:
        total = self.forecast.get("total_bytes")
        return int(total) if total is not None else None
