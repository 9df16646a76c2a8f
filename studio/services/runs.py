"""The runs of one person: their order and their time, what else may be done with them, and what is known of one."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from backend.chains import submit as chains
from backend.chains.request import ChainRequest
from backend.errors import AccessError, JobError
from backend.export import capsule
from backend.jobs.folder import RunFolder
from backend.jobs.model import Job, JobState
from backend.jobs.service import Jobs
from backend.jobs.upkeep import retention
from backend.models import imports, packing
from backend.models.packing import Made
from backend.paths import Workspace
from backend.people import Person
from backend.recipes import load
from backend.recipes.load import Change, RecipeFile
from backend.recipes.schema import Recipe
from backend.training.request import TrainRequest
from backend.training.submit import start_training

LONGEST_NOTE = 4000
# Of a run, or of one of the trainings of a chain.
PICTURE = re.compile(r"(?:stages/\d{1,3}/)?pictures/[\w-]{1,64}\.(?:jpg|png)", re.ASCII)
Where = Literal["first", "earlier", "later"]


@dataclass(frozen=True)
class Settings:
    """`recipe` as the run has it; `meant`: the recipe it was made from, None when that is no longer here."""

    recipe: Recipe
    meant: RecipeFile | None
    changed: list[Change]


@dataclass(frozen=True)
class MyRuns:
    workspace: Workspace
    jobs: Jobs
    person: Person

    def folder(self, run: str) -> RunFolder:
        """AccessError when there is no such run, or it is somebody else's."""
        return RunFolder(self.workspace.run(self.jobs.get(self.person, run).id))

    def forecast_seconds(self, job: Job) -> float | None:
        """How long it was said to take before it was started; None when nothing was said."""
        return _forecast_seconds(self.workspace.run(job.id))

    # What may be done

    def move(self, run: str, where: Where) -> Job:
        """Within the queue; the first stays first. JobError for a run that does not wait."""
        job = self.jobs.get(self.person, run)
        queue = sorted(
            (one for one in self.jobs.all(self.person) if one.state is JobState.QUEUED), key=lambda one: one.position
        )
        at = next((number for number, one in enumerate(queue) if one.id == run), None)
        if at is None:
            raise JobError("jobs.not_queued", name=job.name)
        before = {"first": 0, "earlier": max(at - 1, 0), "later": at + 2}[where]
        return self.jobs.move(self.person, run, queue[before].id if before < len(queue) else None)

    def start_at(self, run: str, when: float | None) -> Job:
        return self.jobs.start_at(self.person, run, when)

    def stop(self, run: str, *, save: bool) -> Job:
        return self.jobs.stop(self.person, run, save=save)

    def resume(self, run: str) -> Job:
        return self.jobs.resume(self.person, run)

    def rename(self, run: str, name: str) -> Job:
        return self.jobs.rename(self.person, run, name)

    def delete(self, run: str) -> None:
        self.jobs.delete(self.person, run)

    def repeat(self, run: str, name: str) -> Job:
        """A new run of the same recipe on the same model and data; JobError for one that was not trained here."""
        job, folder = self.jobs.get(self.person, run), self.folder(run)
        if job.kind == chains.KIND:
            return chains.repeat(self.person, self.jobs, ChainRequest.model_validate(folder.read(folder.request)), name)
        try:
            request = TrainRequest.model_validate(folder.read(folder.request))
        except ValidationError as error:
            raise JobError("jobs.nothing_to_repeat", name=job.name) from error
        model, data = request.model.id, request.data.id
        return start_training(self.person, self.jobs, self.workspace, request.recipe, model=model, data=data, name=name)

    def annotate(self, run: str, note: str) -> Job:
        """JobError for a note that is too long, or holds a character that is none."""
        if len(note) > LONGEST_NOTE:
            raise JobError("jobs.note_too_long", length=len(note), most=LONGEST_NOTE)
        for position, character in enumerate(note, start=1):
            if unicodedata.category(character) in {"Cc", "Cs"} and character not in "\n\r\t":
                raise JobError("jobs.note_character", code=f"U+{ord(character):04X}", position=position)
        return self.jobs.annotate(self.person, run, note)

    def pin(self, run: str, *, pinned: bool) -> Job:
        return self.jobs.pin(self.person, run, pinned=pinned)

    def import_zip(self, archive: Path, name: str) -> Job:
        """An adapter, or a capsule of a run that was made elsewhere."""
        if capsule.is_one(archive):
            return capsule.take(self.person, self.jobs, archive, name)
        return imports.from_zip(self.person, self.jobs, archive, name)

    def import_folder(self, typed: str, name: str) -> Job:
        return imports.from_folder(self.person, self.jobs, typed, name)

    def import_hub(self, hub_id: str, name: str) -> Job:
        return imports.from_hub(self.person, self.jobs, hub_id, name)

    # What is known of one

    def request(self, run: str) -> dict[str, Any]:
        folder = self.folder(run)
        return folder.read(folder.request)

    def result(self, run: str) -> dict[str, Any]:
        """The figures of a finished run; {} before."""
        folder = self.folder(run)
        return folder.read(folder.result)

    def settings(self, run: str) -> Settings | None:
        """None for a run that was not trained here."""
        folder = self.folder(run)
        try:
            recipe = TrainRequest.model_validate(folder.read(folder.request)).recipe
        except ValidationError:
            return None
        same = (file for file in load.available(self.person, self.workspace) if file.recipe.title == recipe.title)
        meant = next(same, None)
        return Settings(recipe, meant, load.compare(meant.recipe, recipe) if meant else [])

    def files(self, run: str) -> list[tuple[str, int]]:
        """Names of the files and folders of a run, largest first, and their bytes."""
        found = [(path.name, retention.size(path)) for path in self.folder(run).path.iterdir()]
        return sorted(((name, size) for name, size in found if size), key=lambda one: -one[1])

    def picture(self, run: str, name: str) -> Path:
        """A picture that a test question is about; AccessError when there is none of this name."""
        job = self.jobs.get(self.person, run)
        found = self.folder(run).path / name
        if not PICTURE.fullmatch(name) or not found.is_file():
            raise AccessError("jobs.unknown", name=job.name)
        return found

    def made(self, run: str) -> Made | None:
        return packing.made_what(self.folder(run))

    def packed(self, run: str, language: str) -> Iterator[bytes]:
        """What the run made, as a zip archive; ModelError when it has made nothing."""
        job, folder = self.jobs.get(self.person, run), self.folder(run)
        packing.made_by(folder)
        return packing.packed(job, folder, language)


@lru_cache(maxsize=2048)
def _forecast_seconds(path: Path) -> float | None:
    """Read once: a request does not change while its run waits."""
    folder = RunFolder(path)
    said = folder.read(folder.request).get("forecast", {}).get("seconds")
    return float(said) if said else None
