"""Rows of a data set as a training will read them: which recipes and models that can be asked of, and the tokens."""

import threading
from dataclasses import dataclass
from typing import NamedTuple

from backend.data import datasets
from backend.data.datasets import Dataset
from backend.errors import AccessError
from backend.models import catalogue
from backend.models.catalogue import Model
from backend.paths import Workspace
from backend.people import Person
from backend.recipes import load
from backend.recipes.load import RecipeFile
from backend.training.shown.rows import Shown, shown

ROWS = 3  # shown at a time
# Each look is a process that loads a tokenizer: a class that presses at once waits in turns.
TURNS = threading.BoundedSemaphore(2)


class Choice(NamedTuple):
    """A recipe for rows of this shape, and the model that it names, if that is here."""

    file: RecipeFile
    model: str


@dataclass(frozen=True)
class Tokens:
    workspace: Workspace
    person: Person

    def choices(self, dataset_id: str) -> list[Choice]:
        """None for rows that no recipe learns from as they are. AccessError when there is no such data set."""
        found, here = self._dataset(dataset_id), {one.id for one in self.models()}
        every = load.available(self.person, self.workspace)
        fitting = (file for file in every if file.recipe.objective == found.shape)
        return [Choice(one, model if (model := one.recipe.defaults.model or "") in here else "") for one in fitting]

    def models(self) -> list[Model]:
        """Those whose tokens are known here."""
        known = catalogue.available(self.person, self.workspace)
        return [one for one in known if one.kind == "text" and (one.folder / "tokenizer.json").is_file()]

    def look(self, dataset_id: str, recipe: str, model: str, first: int) -> list[Shown]:
        """Row `first` (from 1) and the next ones. AccessError for what is not there; DataError and ModelError as a
        training would say it.
        """
        found = self._dataset(dataset_id)
        wanted = load.find(self.person, self.workspace, recipe).recipe
        chosen = catalogue.find(self.person, self.workspace, model)
        first = min(max(first, 1), max(found.rows, 1))
        with TURNS:
            return shown(found, chosen, wanted, range(first, min(first + ROWS, found.rows + 1)))

    def _dataset(self, dataset_id: str) -> Dataset:
        every = datasets.every_version(self.person, self.workspace)
        found = next((one for one in every if one.id == dataset_id), None)
        if found is None:
            raise AccessError("data.not_found")
        return found
