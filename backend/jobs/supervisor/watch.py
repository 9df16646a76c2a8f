"""Watches the jobs that somebody works on: which are dead, which should stop, which say nothing any more."""

import json
import logging
from dataclasses import dataclass, field

from filelock import Timeout

from backend.jobs import process
from backend.jobs.claims import Claims, Held, Outcome
from backend.jobs.folder import RunFolder
from backend.jobs.model import JobState
from backend.jobs.process import Identity
from backend.paths import Workspace
from backend.settings import Settings

LOG_BYTES = 200 * 2**20
LOG_KEPT = 16 * 2**20
SURE_SECONDS = 5.0
PATIENCE = 10
log = logging.getLogger(__name__)


@dataclass
class Sight:
    """What was seen of one claim so far; times are seconds for which this supervisor was awake."""

    first: float
    moved: float
    signs: tuple[int, ...] = ()
    stop_seen: float | None = None
    stop_step: int = 0
    stalled: bool = False


@dataclass
class Watch:
    """`look` is called about once a second with the awake clock: a suspended machine makes no job look stalled."""

    claims: Claims
    workspace: Workspace
    settings: Settings
    seen: dict[str, Sight] = field(default_factory=dict)

    def look(self, now: float, children: dict[str, Identity]) -> None:
        """`children`: claim token → process, for those that this supervisor started and still waits for."""
        held = self.claims.held()
        self.seen = {claim.token: self.seen.get(claim.token) or Sight(now, now) for claim in held}
        for claim in held:
            sight = self.seen[claim.token]
            folder = RunFolder(self.workspace.run(claim.job.id))
            self._note_signs(folder, sight, now)
            cap(folder)
            child = children.get(claim.token)
            if child is not None and claim.job.state == JobState.STARTING and now - sight.first > self.patience:
                process.end_group(child, surely=True)
            if child is None and not lives(folder):
                self._settle_dead(claim, folder, now - sight.first)
            elif claim.job.stop_asked_at is not None:
                self._press(claim, child or claim.process, sight, now)
            elif claim.job.state == JobState.RUNNING:
                self._notice_stall(claim, sight, now)

    @property
    def patience(self) -> float:
        """How long a process of our own may load before it takes up its job."""
        return PATIENCE * self.settings.starting

    def _settle_dead(self, claim: Held, folder: RunFolder, age: float) -> None:
        """Its lock is free and nobody here waits for it: never arrived, or dead."""
        if claim.job.state == JobState.STARTING:
            if age >= self.settings.starting:
                log.warning("run %s was claimed and nobody came", claim.job.id)
                self.claims.release(claim.job.id, claim.token)
            return
        if claim.process is not None:
            process.end_group(claim.process, surely=True)
        outcome = last_words(folder, claim.job.attempt) or Outcome(None, _why_lost(claim))
        settled = self.claims.conclude(claim.job.id, claim.token, outcome)
        log.warning("run %s had died and is now %s", claim.job.id, settled.state if settled else "settled by itself")

    def _note_signs(self, folder: RunFolder, sight: Sight, now: float) -> None:
        signs = tuple(path.stat().st_mtime_ns for path in (folder.events, folder.status) if path.exists())
        if signs != sight.signs:
            sight.signs, sight.moved = signs, now

    def _press(self, claim: Held, leader: Identity | None, sight: Sight, now: float) -> None:
        """Stop: ask the leader; when it neither ends nor shows life for the grace time, end its whole group."""
        if sight.stop_seen is None:
            sight.stop_seen = now
        if leader is None:
            return
        quiet = now - max(sight.stop_seen, sight.moved)
        over = now - sight.stop_seen >= PATIENCE * self.settings.grace
        if sight.stop_step == 0:
            process.ask_to_end(leader)
            sight.stop_step = 1
        elif sight.stop_step == 1 and (quiet >= self.settings.grace or over):
            log.warning("run %s did not stop by itself: its processes are ended", claim.job.id)
            process.end_group(leader, surely=False)
            sight.stop_step, sight.stop_seen = 2, now
        elif sight.stop_step == 2 and now - sight.stop_seen >= SURE_SECONDS:
            process.end_group(leader, surely=True)

    def _notice_stall(self, claim: Held, sight: Sight, now: float) -> None:
        """A run that says nothing is told to its owner, never killed: it may be loading something large."""
        stalled = now - sight.moved >= self.settings.stall
        if stalled != sight.stalled:
            sight.stalled = stalled
            minutes = round(self.settings.stall / 60)
            if stalled:
                self.claims.say(claim.job.id, "jobs.stalled", minutes=minutes)
            else:
                self.claims.say(claim.job.id, None)


def lives(folder: RunFolder) -> bool:
    """Whether a process holds the life lock of this run."""
    try:
        with folder.lock().acquire(blocking=False):
            return False
    except Timeout:
        return True
    except FileNotFoundError:
        return False


def last_words(folder: RunFolder, attempt: int) -> Outcome | None:
    """How an attempt said that it ended, in status.json; None when it did not come to that."""
    try:
        said = folder.read(folder.status)
    except json.JSONDecodeError:
        return None
    if said.get("state") != "ended" or said.get("attempt") != attempt:
        return None
    return Outcome(said.get("exit_code"), said.get("reason_key"), said.get("reason_values") or {})


def cap(folder: RunFolder) -> None:
    """Keep the log of a noisy run below 200 MB: its newest 16 MB stay. The job appends, so it does not notice."""
    if not folder.log.exists() or folder.log.stat().st_size <= LOG_BYTES:
        return
    with folder.log.open("r+b") as file:
        file.seek(-LOG_KEPT, 2)
        tail = file.read(LOG_KEPT)
        file.seek(0)
        file.truncate()
        file.write(b"[the older part of this log was removed: it had grown beyond 200 MB]\n" + tail)


def _why_lost(claim: Held) -> str:
    known = claim.process is not None and claim.process.boot != process.boot_id()
    return "jobs.machine_restarted" if known else "jobs.lost"
