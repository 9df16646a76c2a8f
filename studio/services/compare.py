"""Several runs side by side: what each was set to, what it came to and how it went on the way."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from backend.errors import AccessError
from backend.jobs.service import Jobs
from backend.people import Person
from studio.services.curves import Shelf
from studio.views.colours import of_runs
from studio.views.curves.compare import Compared

MOST_RUNS = 8


@dataclass(frozen=True)
class Comparison:
    jobs: Jobs
    person: Person
    curves: Shelf

    def of(self, runs: Sequence[str]) -> list[Compared]:
        """In the order asked for, at most eight; a run that is not there, or somebody else's, is left out."""
        found = [one for run in dict.fromkeys(runs[: 2 * MOST_RUNS]) if (one := self._one(run))][:MOST_RUNS]
        colours = of_runs([one.job.id for one in found], [job.id for job in reversed(self.jobs.shown(self.person))])
        return [replace(one, colour=colours[one.job.id]) for one in found]

    def _one(self, run: str) -> Compared | None:
        try:
            job = self.jobs.get(self.person, run)
        except AccessError:
            return None
        folder = self.jobs.folder(job)
        return Compared(job, folder.read(folder.request), folder.read(folder.result), self.curves.of(folder))
