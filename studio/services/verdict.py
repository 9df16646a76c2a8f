"""The verdict on a run that has ended, and how Train is opened with what it advises."""

from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

from backend.jobs.model import JobState
from backend.jobs.service import Jobs
from backend.people import Person
from backend.recipes.leaves import value
from backend.verdict import card
from backend.verdict.card import Card
from backend.verdict.reasons import SAME, Advice
from studio.services.recipes import OF_RUN
from studio.services.runs import MyRuns

MOST_KEPT = 64
Key = tuple[str, str, int]


@dataclass(frozen=True)
class Opened:
    """What Train is to show. `fields`: settings by dotted name that are not those of the recipe."""

    recipe: str
    model: str
    data: str
    fields: dict[str, str | bool]


@dataclass(frozen=True)
class Verdicts:
    jobs: Jobs
    person: Person
    runs: MyRuns
    _known: dict[Key, Card | None] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def of(self, run: str) -> Card | None:
        """None while it has not ended, or when it was not trained here; AccessError when there is no such run."""
        job = self.jobs.get(self.person, run)
        if not job.ended:
            return None
        key = (job.id, job.state.value, job.attempt)
        if key not in self._known:
            found = card.of(job, self.jobs.folder(job))
            self._keep(key, found)
        return self._known.get(key)

    def stages(self, run: str) -> list[Card | None]:
        """Of a chain: on each stage that is done, in order; [] for any other run."""
        job, folder = self.jobs.get(self.person, run), self.jobs.folder(self.jobs.get(self.person, run))
        done = replace(job, state=JobState.DONE, reason_key=None)
        count = len(folder.read(folder.result).get("stages") or ())
        return [card.of(done, folder.stage(number)) for number in range(1, count + 1)]

    def opened(self, run: str, advice: Advice) -> Opened | None:
        """Train with the run's own settings but for what is advised, or with another recipe; None for mere words."""
        if not advice.recipe:
            return None
        request = self.runs.request(run)
        model, data = request["model"]["id"], request["data"]["id"]
        changes: dict[str, str | bool] = dict(advice.changes)
        if advice.recipe != SAME:
            return Opened(advice.recipe, model, data, changes)
        settings = self.runs.settings(run)
        if settings is None or settings.meant is None:
            return Opened(f"{OF_RUN}{run}", model, data, changes)
        own = {one.name: written(value(settings.recipe, one.name)) for one in settings.changed}
        return Opened(settings.meant.id, model, data, own | changes)

    def _keep(self, key: Key, found: Card | None) -> None:
        with self._lock:
            while len(self._known) >= MOST_KEPT:
                del self._known[next(iter(self._known))]
            self._known[key] = found


def written(setting: Any) -> str | bool:
    """A value as a field of the form holds it."""
    return setting if isinstance(setting, bool) else "" if setting is None else str(setting)
