"""The one door from the page to the backend: what the tabs may ask, for the person who is logged in."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from backend import hardware
from backend.data import datasets
from backend.data.datasets import Dataset
from backend.drafts import Drafts
from backend.errors import StudioError
from backend.forecast import facade as forecast
from backend.forecast.facade import Fitting, Forecast
from backend.hardware import Machine
from backend.jobs.folder import RunFolder
from backend.jobs.model import Job
from backend.jobs.service import Jobs
from backend.jobs.upkeep import seen
from backend.ledger.store import Ledger
from backend.models.catalogue import Model
from backend.paths import Workspace
from backend.people import HOME, Person
from backend.recipes import load
from backend.recipes.leaves import Field
from backend.recipes.load import RecipeFile
from backend.recipes.schema import Recipe
from backend.training import submit
from studio.services.chains import Chains
from studio.services.chats import ChatServices
from studio.services.compare import Comparison
from studio.services.curves import Shelf
from studio.services.data.bringing import Bringing
from studio.services.data.doctor import Doctor
from studio.services.data.hub import HubData
from studio.services.data.review import Reviews
from studio.services.data.sets import MyData
from studio.services.data.tokens import Tokens
from studio.services.drafts import MyDrafts
from studio.services.logs import Logs
from studio.services.models import MyModels
from studio.services.recipes import Cookbook, asked
from studio.services.runs import MyRuns
from studio.services.sharing.exports import Exports
from studio.services.verdict import Verdicts


@dataclass(frozen=True)
class Services:
    workspace: Workspace
    jobs: Jobs
    person: Person = HOME

    @classmethod
    def at(cls, root: Path) -> "Services":
        """SetupError when the folder cannot hold a workspace."""
        workspace = Workspace(root.resolve()).create()
        return cls(workspace, Jobs(Ledger.of(workspace), workspace))

    # Subjects of their own

    @cached_property
    def curves(self) -> Shelf:
        return Shelf()

    @cached_property
    def logs(self) -> Logs:
        return Logs(self.jobs, self.person)

    @cached_property
    def my_runs(self) -> MyRuns:
        return MyRuns(self.workspace, self.jobs, self.person)

    @cached_property
    def my_models(self) -> MyModels:
        return MyModels(self.workspace, self.jobs, self.person)

    @cached_property
    def my_data(self) -> MyData:
        return MyData(self.workspace, self.jobs, self.person)

    @cached_property
    def bringing(self) -> Bringing:
        return Bringing(self.workspace, self.jobs, self.person)

    @cached_property
    def hub_data(self) -> HubData:
        return HubData(self.workspace, self.jobs, self.person)

    @cached_property
    def doctor(self) -> Doctor:
        return Doctor(self.workspace, self.jobs, self.person)

    @cached_property
    def reviews(self) -> Reviews:
        return Reviews(self.workspace, self.jobs, self.person)

    @cached_property
    def tokens(self) -> Tokens:
        return Tokens(self.workspace, self.person)

    @cached_property
    def cookbook(self) -> Cookbook:
        return Cookbook(self.workspace, self.jobs, self.person)

    @cached_property
    def chains(self) -> Chains:
        return Chains(self.jobs, self.person)

    @cached_property
    def verdicts(self) -> Verdicts:
        return Verdicts(self.jobs, self.person, self.my_runs)

    @cached_property
    def compare(self) -> Comparison:
        return Comparison(self.jobs, self.person, self.curves)

    @cached_property
    def chats(self) -> ChatServices:
        return ChatServices(self.workspace, self.jobs, self.person)

    @cached_property
    def exports(self) -> Exports:
        return Exports(self.jobs, self.person)

    @cached_property
    def drafts(self) -> MyDrafts:
        return MyDrafts(Drafts(self.jobs.ledger), self.person)

    # What there is to choose from

    def recipes(self) -> list[RecipeFile]:
        return load.available(self.person, self.workspace)

    def recipe(self, ref: str, changes: Mapping[str, str] | None = None) -> Recipe:
        """RecipeError for a value that is not allowed, with the field's name in it."""
        return load.with_changes(self.cookbook.find(ref), dict(changes or {}))

    def fields(self) -> list[Field]:
        return asked()

    def models(self) -> list[Model]:
        return self.my_models.models()

    def datasets(self) -> list[Dataset]:
        return datasets.available(self.person, self.workspace)

    def add_dataset(self, path: Path, name: str, *, skip_bad: bool) -> Dataset:
        return datasets.add(self.person, self.workspace, path, name, skip_bad=skip_bad)

    # Before and at the start of a run; what may be done with one is in `my_runs`

    def forecast(self, recipe: Recipe, model: str, data: str) -> Forecast:
        return forecast.of(self.person, self.workspace, recipe, model=model, data=data)

    def make_fit(self, recipe: Recipe, model: str, data: str) -> Fitting:
        """What to change so that this fits into the memory that is free now."""
        return forecast.make_fit(self.person, self.workspace, recipe, model=model, data=data)

    def unfit(self, recipe: Recipe, model: str, data: str) -> dict[str, StudioError]:
        """What of these choices is not there or does not go together: by "model", "data" or name of a setting."""
        return submit.unfit(self.person, self.workspace, recipe, model=model, data=data)

    def start(self, recipe: Recipe, model: str, data: str, name: str) -> Job:
        """Queued under this name; the forecast of now is kept with it. Errors as `start_training`."""
        return submit.start_training(self.person, self.jobs, self.workspace, recipe, model=model, data=data, name=name)

    def runs(self) -> list[Job]:
        """Newest first; those that ship with the studio last."""
        return self.jobs.shown(self.person)

    def run(self, run: str) -> Job:
        """AccessError when there is no such run, or it is somebody else's."""
        return self.jobs.get(self.person, run)

    def folder(self, run: str) -> RunFolder:
        return self.my_runs.folder(run)

    # The machine

    def machine(self) -> Machine:
        return hardware.this_machine(self.workspace.root)

    def seen_bytes(self) -> int:
        """Of the disk, for what models saw of pictures."""
        return seen.size(self.workspace)

    def forget_seen(self) -> None:
        seen.forget(self.workspace)

    def page_opened(self) -> None:
        """Somebody looks: a worker may warm up."""
        self.jobs.want_worker(self.person)
