"""The chains a person may train: what their stages are, what they would cost, and their start."""

from dataclasses import dataclass

from backend.chains import submit
from backend.chains.submit import Choice, Planned
from backend.data import datasets
from backend.data.datasets import Dataset
from backend.jobs.model import Job
from backend.jobs.service import Jobs
from backend.people import Person
from backend.recipes import chains, load
from backend.recipes.chains import ChainFile


@dataclass(frozen=True)
class Chains:
    jobs: Jobs
    person: Person

    def every(self) -> list[ChainFile]:
        return chains.shipped()

    def find(self, ref: str) -> ChainFile:
        """By id or title; AccessError when there is none."""
        return chains.find(ref)

    def meant(self, file: ChainFile) -> tuple[str, list[str]]:
        """The model and the data of each stage that the chain is meant for."""
        recipes = [load.find(self.person, self.jobs.workspace, stage.recipe).recipe for stage in file.chain.stages]
        data = [stage.data or recipe.defaults.data for stage, recipe in zip(file.chain.stages, recipes, strict=True)]
        return file.chain.model or recipes[0].defaults.model, data

    def fitting(self, file: ChainFile, number: int) -> list[Dataset]:
        """The data sets that stage `number`, counted from 1, can learn from: texts or chats."""
        stage = file.chain.stages[number - 1]
        recipe = load.find(self.person, self.jobs.workspace, stage.recipe).recipe
        objective = load.with_changes(recipe, stage.changes).objective
        every = datasets.available(self.person, self.jobs.workspace)
        return [one for one in every if one.shape == objective]

    def plan(self, file: ChainFile, choice: Choice) -> Planned:
        """RecipeError names the first stage that cannot be trained, and why."""
        return submit.plan(self.person, self.jobs.workspace, file, choice)

    def start(self, file: ChainFile, choice: Choice, name: str) -> Job:
        """Queue it as one job; errors as `plan`, JobError for a name that cannot be used."""
        return submit.start_chain(self.person, self.jobs, file, choice, name)
