"""Stand-ins with the methods of the real thing, for tests of the page: no process and no model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from backend import names
from backend.drafts import Drafts
from backend.errors import AccessError, DataError, StudioError
from backend.forecast import Forecast
from backend.forecast.advice.fitting import Fitting, fitted
from backend.hardware import Machine
from backend.jobs import events
from backend.jobs.folder import RunFolder
from backend.jobs.model import Job, JobState
from backend.people import HOME
from backend.recipes import load
from backend.recipes.schema import Recipe
from studio.services.chains import Chains
from studio.services.curves import Shelf
from studio.services.data.doctor import Doctor
from studio.services.data.hub import HubData
from studio.services.data.review import Reviews
from studio.services.data.sets import MyData
from studio.services.data.tokens import Tokens
from studio.services.drafts import MyDrafts
from studio.services.logs import Logs
from studio.services.recipes import asked
from tests.fake_chats import FakeChats
from tests.fake_data import FakeBringing, my_data
from tests.fake_models import FakeModels

GIB = 1024**3


def machine() -> Machine:
    return Machine(
        "Some CPU", 2, 24 * 10**9, 21 * 10**9, bf16_cpu=False, gpus=(), disk_bytes=10**12, disk_free_bytes=5 * 10**11
    )


def job(number: int, name: str, state: JobState = JobState.DONE) -> Job:
    made = 1_790_000_000.0 + number
    return Job(f"run{number}", "home", "train", name, state, 1, float(number), "cpu", made)


@dataclass
class FakeServices:
    """What `studio.services.door.Services` does, in memory; runs are folders of `root` with hand-written events."""

    root: Path
    jobs: dict[str, Job] = field(default_factory=dict)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    seen: int = 0
    recipe_now: Recipe = field(default_factory=lambda: Recipe(title={"en": "First adapter (LoRA)"}, about={}))

    @cached_property
    def curves(self) -> Shelf:
        return Shelf()

    @cached_property
    def logs(self) -> Logs:
        jobs: Any = SimpleNamespace(get=lambda person, run: self.run(run), folder=lambda one: self.folder(one.id))
        return Logs(jobs, HOME)

    @cached_property
    def my_runs(self) -> Any:
        return SimpleNamespace(forecast_seconds=lambda job: 100.0)

    @cached_property
    def chats(self) -> FakeChats:
        return FakeChats.at(self.root, self.jobs)

    @cached_property
    def chains(self) -> Chains:
        return Chains(self.chats.jobs, HOME)

    @cached_property
    def my_models(self) -> FakeModels:
        return FakeModels.at(self.chats.workspace, self.chats.jobs)

    @cached_property
    def my_data(self) -> MyData:
        return my_data(self.chats.workspace, self.chats.jobs)

    @cached_property
    def bringing(self) -> FakeBringing:
        return FakeBringing.at(self.chats.workspace, self.chats.jobs)

    @cached_property
    def hub_data(self) -> HubData:
        return HubData(self.chats.workspace, self.chats.jobs, HOME)

    @cached_property
    def doctor(self) -> Doctor:
        return Doctor(self.chats.workspace, self.chats.jobs, HOME)

    @cached_property
    def reviews(self) -> Reviews:
        return Reviews(self.chats.workspace, self.chats.jobs, HOME)

    @cached_property
    def tokens(self) -> Tokens:
        return Tokens(self.chats.workspace, HOME)

    @cached_property
    def drafts(self) -> MyDrafts:
        return MyDrafts(Drafts(self.chats.jobs.ledger), HOME)

    @cached_property
    def cookbook(self) -> "FakeCookbook":
        return FakeCookbook(self)

    def recipes(self) -> list[Any]:
        return [*self.shipped(), *self.cookbook.own()]

    def shipped(self) -> list[Any]:
        return [load.RecipeFile("starter-lora", self.recipe_now, self.root / "starter-lora.yaml")]

    def recipe(self, ref: str, changes: Mapping[str, str] | None = None) -> Recipe:
        return load.with_changes(self.cookbook.find(ref), dict(changes or {}))

    def fields(self) -> list[Any]:
        return asked()

    def models(self) -> list[Any]:
        return [SimpleNamespace(id="starter", kind="text", title=lambda language: "Starter, 2 million")]

    def datasets(self) -> list[Any]:
        return [
            SimpleNamespace(
                id="starter-ro", name="Romanian chats", rows=3200, shape="chat", title=lambda language: "Romanian chats"
            )
        ]

    def add_dataset(self, path: Path, name: str, *, skip_bad: bool) -> Any:
        self.asked.append(("add_dataset", (path.read_text(), name, skip_bad)))
        return SimpleNamespace(id="mine", name=names.check(name, "data"), rows=12)

    def make_fit(self, recipe: Recipe, model: str, data: str) -> Fitting:
        return fitted(recipe, lambda one: self.forecast(one, model, data))

    def forecast(self, recipe: Recipe, model: str, data: str) -> Forecast:
        parts = {
            "runtime": 420_000_000,
            "weights": 8_000_000,
            "adapter": 2_000_000,
            "gradients": 2_000_000,
            "optimizer": 4_000_000,
            "activations": 460_000_000,
            "logits": 30_000_000,
        }
        memory = {"total_bytes": sum(parts.values()), "device_bytes": 24 * 10**9, "free_bytes": 21 * 10**9}
        disk = {"disk_bytes": 12_000_000, "disk_free_bytes": 10**12}
        work = {"steps": 400, "tokens_per_step": 600, "gradient_checkpointing": False, "seconds": 100.0}
        return Forecast(parts=parts, **memory, **disk, **work)

    def unfit(self, recipe: Recipe, model: str, data: str) -> dict[str, StudioError]:
        sets = {"starter-ro", "Romanian chats"}
        faults: dict[str, StudioError] = {}
        if model != "starter":
            faults["model"] = AccessError("models.not_found", name=model)
        if data not in sets:
            faults["data"] = AccessError("data.not_here", name=data)
        elif recipe.objective != "chat":
            faults["data"] = DataError("training.other_shape", data=data, shape="chat", wanted="text")
        if recipe.replay.share > 0 and recipe.replay.data not in sets:
            faults["replay.data"] = AccessError("data.not_here", name=recipe.replay.data or "")
        if unknown := [one.data for one in recipe.corpora if one.data not in sets]:
            faults["corpora"] = AccessError("data.no_corpus", name=unknown[0])
        if recipe.objective == "chat" and recipe.watching.check not in (None, "starter-dev"):
            faults["watching.check"] = AccessError("data.not_here", name=recipe.watching.check or "")
        return faults

    def start(self, recipe: Recipe, model: str, data: str, name: str) -> Job:
        for fault in self.unfit(recipe, model, data).values():
            raise fault
        cleaned = names.unused(name, [known.name for known in self.jobs.values()])
        made = job(len(self.jobs) + 1, cleaned, JobState.QUEUED)
        self.asked.append(("start", (recipe, model, data, name)))
        self.jobs[made.id] = made
        return made

    def runs(self) -> list[Job]:
        return sorted(self.jobs.values(), key=lambda one: -one.created_at)

    def run(self, run: str) -> Job:
        if run not in self.jobs:
            raise AccessError("jobs.unknown", name=run)
        return self.jobs[run]

    def folder(self, run: str) -> RunFolder:
        path = self.root / self.run(run).id
        path.mkdir(exist_ok=True)
        return RunFolder(path)

    def machine(self) -> Machine:
        return machine()

    def seen_bytes(self) -> int:
        return self.seen

    def forget_seen(self) -> None:
        self.seen = 0

    def page_opened(self) -> None:
        self.asked.append(("page_opened", None))


@dataclass
class FakeCookbook:
    """What `studio.services.recipes.Cookbook` does, in memory; a run was started with the recipe of now."""

    services: FakeServices
    kept: dict[str, load.RecipeFile] = field(default_factory=dict)

    def find(self, ref: str) -> Recipe:
        if ref.startswith("run:"):
            return self.settings(ref.removeprefix("run:")).recipe
        known = {file.id: file.recipe for file in [*self.services.shipped(), *self.own()]}
        if ref not in known:
            raise AccessError("recipes.not_found", name=ref)
        return known[ref]

    def checked(self, ref: str, changes: Mapping[str, str]) -> load.Checked:
        return load.checked(self.find(ref), changes)

    def own(self) -> list[load.RecipeFile]:
        return list(self.kept.values())

    def save(self, name: str, recipe: Recipe) -> load.RecipeFile:
        taken = [file.title() for file in [*self.services.shipped(), *self.own()]]
        title = names.unused(name, taken, "recipe")
        return self._keep(f"own{len(self.kept) + 1}", recipe.model_copy(update={"title": {"en": title}}))

    def replace(self, recipe_id: str, recipe: Recipe) -> load.RecipeFile:
        return self._keep(recipe_id, recipe.model_copy(update={"title": self.kept[recipe_id].recipe.title}))

    def delete(self, recipe_id: str) -> None:
        del self.kept[recipe_id]

    def take(self, path: Path, name: str) -> load.RecipeFile:
        return self.save(name, load.read(path))

    def check_sets(self) -> list[Any]:
        return [SimpleNamespace(id="starter-dev", title=lambda language: "starter-dev")]

    def elsewhere(self) -> str:
        return ""

    def trained(self) -> list[Job]:
        return self.services.runs()

    def reusable(self) -> list[Job]:
        return self.services.runs()

    def settings(self, run: str) -> Any:
        self.services.run(run)
        return SimpleNamespace(recipe=self.services.recipe_now, model="starter", data="starter-ro")

    def _keep(self, recipe_id: str, recipe: Recipe) -> load.RecipeFile:
        self.kept[recipe_id] = load.RecipeFile(recipe_id, recipe, Path(recipe_id), shipped=False)
        return self.kept[recipe_id]


def write_events(folder: RunFolder, *said: events.Said) -> None:
    with folder.events.open("a", encoding="utf-8") as file:
        file.writelines(events.line(one) for one in said)
