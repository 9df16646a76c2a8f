"""The curves of every run that somebody looks at, read on where the last look stopped and kept while there is room."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend.jobs.folder import RunFolder
from backend.jobs.tail import Tail
from studio.views.curves import charts
from studio.views.curves.series import Curves

MOST_RUNS = 32
PIECE_BYTES = 256 * 1024


@dataclass
class Watched:
    """One run: its tail, folded into curves. Whoever reads or tells holds the lock: a very long run takes seconds."""

    tail: Tail
    curves: Curves = field(default_factory=Curves)
    whole_read: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def catch_up(self) -> Curves:
        """The curves, with everything that the run has said until now."""
        with self._lock:
            self._read()
            self.whole_read = True
            return self.curves

    def news(self, forecast: int | None) -> dict[str, Any]:
        """What has changed since the last call, by the name of the event that says it; nothing while it is read."""
        if not self._lock.acquire(blocking=False):
            return {}
        try:
            self._read()
            said = {"curves": charts.since(self.curves, forecast), "answers": charts.new_answers(self.curves)}
        finally:
            self._lock.release()
        return {name: value for name, value in said.items() if value is not None}

    def whole(self, forecast: int | None) -> dict[str, Any]:
        """Everything, as of the last read."""
        with self._lock:
            return {"curves": charts.whole(self.curves, forecast), "answers": charts.answers(self.curves)}

    def _read(self) -> None:
        for events in self.tail.pieces(PIECE_BYTES):
            for event in events:
                self.curves.fold(event)


@dataclass
class Shelf:
    """Watched runs by their folder. The ones not asked for longest are forgotten; their files are read anew then."""

    _runs: OrderedDict[Path, Watched] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, folder: RunFolder) -> Watched:
        with self._lock:
            watched = self._runs.setdefault(folder.events, Watched(Tail(folder.events)))
            self._runs.move_to_end(folder.events)
            while len(self._runs) > MOST_RUNS:
                self._runs.popitem(last=False)
            return watched

    def of(self, folder: RunFolder) -> Curves:
        """Everything that this run has said until now."""
        return self.take(folder).catch_up()
