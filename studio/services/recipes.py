"""The recipes a person may choose from, her own ones, and the settings of her earlier runs, which are recipes too."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from backend.data import checks
from backend.data.datasets import Dataset
from backend.errors import AccessError
from backend.jobs.model import Job
from backend.jobs.service import Jobs
from backend.paths import Workspace
from backend.people import Person
from backend.recipes import load
from backend.recipes.leaves import Field
from backend.recipes.load import Checked, RecipeFile
from backend.recipes.schema import Recipe
from backend.setup import commands

OF_RUN = "run:"


def asked() -> list[Field]:
    """What the form asks: model and data have their own lists, and test questions belong to the recipe."""
    return [leaf for leaf in load.leaves() if leaf.kind != "questions" and not leaf.name.startswith("defaults.")]


class Settings(NamedTuple):
    """What a run was started with: the ids of model and data are those of then, and may be gone now."""

    recipe: Recipe
    model: str
    data: str


@dataclass(frozen=True)
class Cookbook:
    workspace: Workspace
    jobs: Jobs
    person: Person

    def find(self, ref: str) -> Recipe:
        """By id or title, or `run:<id>` for what a run was started with; AccessError when there is none."""
        if ref.startswith(OF_RUN):
            return self.settings(ref.removeprefix(OF_RUN)).recipe
        return load.find(self.person, self.workspace, ref).recipe

    def checked(self, ref: str, changes: Mapping[str, str]) -> Checked:
        """The recipe with these changes, or what is wrong with each of them."""
        return load.checked(self.find(ref), changes)

    def own(self) -> list[RecipeFile]:
        return [file for file in load.available(self.person, self.workspace) if not file.shipped]

    def save(self, name: str, recipe: Recipe) -> RecipeFile:
        """JobError when the name is not allowed or taken."""
        return load.save(self.person, self.workspace, name, recipe)

    def replace(self, recipe_id: str, recipe: Recipe) -> RecipeFile:
        return load.replace(self.person, self.workspace, recipe_id, recipe)

    def delete(self, recipe_id: str) -> None:
        load.delete(self.person, self.workspace, recipe_id)

    def take(self, path: Path, name: str) -> RecipeFile:
        """Keep an uploaded YAML file as a recipe of this person; RecipeError says what is wrong with it."""
        return load.take(self.person, self.workspace, path, name)

    def check_sets(self) -> list[Dataset]:
        """What a recipe may name as its check set."""
        return checks.available(self.person, self.workspace)

    def elsewhere(self) -> str:
        """The workspace, as the command line has to be told; "" for the one that it takes by itself."""
        own = commands.read(["runs"]).workspace
        return "" if Path(own) == self.workspace.root else str(self.workspace.root)

    def trained(self) -> list[Job]:
        """This person's own trainings, newest first."""
        return [
            job for job in self.jobs.all(self.person) if job.kind in ("train", "chain") and job.owner == self.person.id
        ]

    def reusable(self) -> list[Job]:
        """The runs whose settings can be used again, newest first: those that ship with the studio too."""
        return [job for job in self.jobs.shown(self.person) if job.kind == "train"]

    def settings(self, run: str) -> Settings:
        """What a run was started with; AccessError when there is no such run, or it left nothing to read."""
        job = self.jobs.get(self.person, run)
        folder = self.jobs.folder(job)
        found = folder.read(folder.request)
        if "recipe" not in found:
            raise AccessError("jobs.unknown", name=job.name)
        return Settings(load.parse(found["recipe"]), found["model"]["id"], found["data"]["id"])
