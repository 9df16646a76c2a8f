"""How a download goes: said twice a second, and stopped within a fifth of one."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from backend.hub.online.fetch import Stopped
from backend.jobs.context import JobContext
from backend.jobs.events import Transfer

SAY_SECONDS = 0.5
LOOK_SECONDS = 0.2
SPEED_SECONDS = 5.0
WON_BYTES = 64 * 2**20


@dataclass
class Progress:
    """`before`: bytes of the files that are whole. `now()` is a monotonic clock in seconds."""

    job: JobContext
    total: int
    before: int = 0
    file: str = ""
    now: Callable[[], float] = time.monotonic
    _seen: deque[tuple[float, int]] = field(default_factory=deque)
    _said: float = float("-inf")
    _looked: float = float("-inf")
    _won: int = 0

    def watch(self, bytes_of_file: int) -> None:
        """To be told how much of the present file is there; `Stopped` when the person has asked for it."""
        moment, done = self.now(), self.before + bytes_of_file
        if moment - self._looked >= LOOK_SECONDS:
            self._looked = moment
            if self.job.stop_requested() is not None:
                raise Stopped
        if not self._seen or moment - self._seen[-1][0] >= LOOK_SECONDS:
            self._seen.append((moment, done))
            while moment - self._seen[0][0] > SPEED_SECONDS:
                self._seen.popleft()
        if moment - self._said >= SAY_SECONDS or done == self.total:
            self._said = moment
            self._say(done)
            self._mark(done)

    def _say(self, done: int) -> None:
        (since, had), (until, has) = self._seen[0], self._seen[-1]
        speed = (has - had) / (until - since) if until > since else 0.0
        left = (self.total - done) / speed if speed > 0 else None
        self.job.say(
            Transfer(file=self.file, done=done, total=self.total, bytes_per_second=max(speed, 0.0), eta_seconds=left)
        )

    def _mark(self, done: int) -> None:
        """What has arrived stays after any death, as a checkpoint of a training does: then a loss is not counted
        against the job (`backend.jobs.claims`).
        """
        if done - self._won < WON_BYTES:
            return
        self._won = done
        marks = self.job.folder.checkpoints
        marks.mkdir(exist_ok=True)
        olds = list(marks.iterdir())
        (marks / f"{done:015d}").touch()
        for old in olds:
            old.unlink(missing_ok=True)
