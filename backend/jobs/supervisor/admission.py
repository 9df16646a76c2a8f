"""Whether a run may start: when the memory it was forecast to need is free.

Where the chat engine holds memory it is asked to leave, after its answers; the run waits for that, and both say so. For
memory that other programs hold it waits some minutes and then starts all the same: the trainer recomputes, and halves
its batch where it must. One that needs more than there is at all never starts.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from backend import devices, hardware
from backend.errors import RecipeError, StudioError
from backend.jobs import rows
from backend.jobs.folder import RunFolder
from backend.jobs.model import WAITS, Job, JobState
from backend.jobs.supervisor.engine import EngineKeeper
from backend.jobs.upkeep.disk import in_words as size
from backend.ledger.store import Ledger
from backend.paths import Workspace

# The engine may finish its answers for so long; then it leaves in the middle of one.
POLITE_SECONDS = 30.0
PATIENCE_SECONDS = 300.0
FORGOTTEN_SECONDS = 10.0
log = logging.getLogger(__name__)
Memory = tuple[int, int]


@dataclass
class Wait:
    """A run that has asked to start and may not. Times are of the steady clock; `said` is what its row says."""

    job: Job
    needed: int
    since: float
    seen: float
    free: int = 0
    said: dict[str, Any] | None = None


def memory(device: str) -> Memory:
    """(all, free) bytes of the processor or of the fullest of these cards."""
    machine = hardware.this_machine()
    cards = {gpu.device: (gpu.memory_bytes, gpu.free_bytes) for gpu in machine.gpus}
    mine = [cards[part] for part in devices.parts(device) if part in cards]
    return min(mine, key=lambda card: card[1]) if mine else (machine.memory_bytes, machine.memory_free_bytes)


@dataclass
class Admission:
    """`spare(job)`: bytes that a process of ours already holds which will become this run."""

    ledger: Ledger
    workspace: Workspace
    engine: EngineKeeper
    spare: Callable[[Job], int] = lambda job: 0
    memory: Callable[[str], Memory] = memory
    clock: Callable[[], float] = time.monotonic
    made_room: Job | None = None
    _waits: dict[str, Wait] = field(default_factory=dict)
    _held: int | None = None

    def admits(self, job: Job) -> bool:
        """Quick, for the ledger is locked meanwhile: whatever has to be asked or said is done by `tend`."""
        needed = self.needed(job)
        if needed is None:
            return True
        whole, free = self.memory(job.device)
        free += self.spare(job)
        if needed <= free or needed > whole:
            self._waits.pop(job.id, None)
            return True
        now = self.clock()
        wait = self._waits.setdefault(job.id, Wait(job, needed, since=now, seen=now))
        wait.seen, wait.free = now, free
        if self._held or now - wait.since < PATIENCE_SECONDS:
            return False
        log.info("run %s has waited long enough for memory that is not ours", job.id)
        del self._waits[job.id]
        return True

    def refusal(self, job: Job) -> StudioError | None:
        """Why this run can never start here."""
        needed, (whole, _) = self.needed(job), self.memory(job.device)
        if needed is None or needed <= whole:
            return None
        return RecipeError("forecast.too_big", needed=size(needed), has=size(whole))

    def tend(self) -> None:
        """Each second: ask the engine to leave for the run that waits longest, and write on each why it waits."""
        now = self.clock()
        self._waits = {name: wait for name, wait in self._waits.items() if now - wait.seen < FORGOTTEN_SECONDS}
        self._forget_room()
        if not self._waits:
            self._held = None
            return
        first = min(self._waits.values(), key=lambda wait: wait.since)
        self._held = self.engine.holds()
        self._say()
        if self._held and self.engine.unload(force=now - first.since > POLITE_SECONDS):
            log.info("the chat made room for run %s", first.job.id)
            self.made_room, self._held = first.job, 0

    def needed(self, job: Job) -> int | None:
        """Bytes that must be free; of a request without that figure, its forecast as a whole."""
        if job.forecast_bytes is None:
            return None
        folder = RunFolder(self.workspace.run(job.id))
        known = folder.read(folder.request).get("forecast") or {}
        return int(known.get("needed_bytes") or job.forecast_bytes)

    def _say(self) -> None:
        for wait in self._waits.values():
            said = self._reason(wait)
            if said == wait.said:
                continue
            with self.ledger.write() as opened:
                job = rows.get(opened, wait.job.id)
                if job is not None and job.state == JobState.QUEUED:
                    rows.change(opened, job.id, **said)
                    wait.said = said

    def _reason(self, wait: Wait) -> dict[str, Any]:
        if self._held:
            return {"reason_key": WAITS[0], "reason_values": {"held": size(self._held)}}
        values = {"needed": size(wait.needed), "free": size(wait.free)}
        return {"reason_key": WAITS[1], "reason_values": values}

    def _forget_room(self) -> None:
        if self.made_room is None:
            return
        with self.ledger.read() as opened:
            job = rows.get(opened, self.made_room.id)
        if job is None or job.ended:
            self.made_room = None
