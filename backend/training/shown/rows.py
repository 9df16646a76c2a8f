"""Asking for it: by a process of its own, for a tokenizer is a heavy thing."""

import json
import subprocess
import sys
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from backend import errors
from backend.data import check, intact
from backend.data.datasets import Dataset
from backend.errors import DataError, StudioError
from backend.jobs.supervisor.start import environment
from backend.models.catalogue import Model
from backend.paths import ROOT
from backend.recipes.schema import Recipe

SECONDS = 120.0
MOST_ROWS = 50
PROGRAM = "backend.training.shown.run"


class Asked(BaseModel):
    """Rows by their number in the file, from 1."""

    model_config = ConfigDict(frozen=True)
    model: Model
    recipe: Recipe
    path: str
    rows: tuple[int, ...] = Field(min_length=1, max_length=MOST_ROWS)


class Piece(BaseModel):
    """A token as text, and its number in the vocabulary. `learned`: it counts in the loss; `kept`: it is within the
    recipe's length.
    """

    model_config = ConfigDict(frozen=True)
    text: str
    token: int
    learned: bool
    kept: bool


class Shown(BaseModel):
    """One row, or of a pair the conversation with one of its answers (`side`: chosen or rejected, else "")."""

    model_config = ConfigDict(frozen=True)
    row: int
    side: str = ""
    pieces: tuple[Piece, ...]

    @property
    def cut(self) -> int:
        """Tokens that are beyond the recipe's length."""
        return sum(not piece.kept for piece in self.pieces)


def shown(dataset: Dataset, model: Model, recipe: Recipe, rows: Sequence[int]) -> list[Shown]:
    """These rows as a training with this recipe will read them.

    DataError when the recipe is for other rows, a row is not there or cannot be learned; ModelError when the model has
    no chat template.
    """
    check.refuse_other_shape(dataset, recipe.objective)
    intact.require(dataset)
    asked = Asked(model=model, recipe=recipe, path=str(dataset.path), rows=tuple(rows)[:MOST_ROWS])
    try:
        done = subprocess.run(
            [sys.executable, "-m", PROGRAM], input=asked.model_dump_json(), capture_output=True, text=True,
            encoding="utf-8", cwd=ROOT, env=environment(), timeout=SECONDS, check=True,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise DataError("training.shown_slow", seconds=int(SECONDS)) from error
    said = json.loads(done.stdout)
    if "error" in said:
        kind: type[StudioError] = getattr(errors, said["error"]["kind"])
        raise kind(said["error"]["key"], **said["error"]["values"])
    return [Shown(**one) for one in said["rows"]]
