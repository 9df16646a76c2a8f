"""What there is to see at one moment and what is new in it, as server-sent events written once for all pages alike."""

import json
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from backend.chats.changes import Changes
from backend.hardware import Machine
from backend.jobs.model import Job
from studio.services.curves import Watched
from studio.services.data.bringing import Importing
from studio.services.models import Coming
from studio.text import Words
from studio.views import runs as views
from studio.views.data.sets import importing
from studio.views.machine import device_line
from studio.views.models.mine import coming
from studio.views.queue import Place

Kind = tuple[str, str | None]
"""Language and chosen run: pages that have both in common are told the same."""


def said(event: str, value: Any) -> bytes:
    """One server-sent event."""
    return f"event: {event}\ndata: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()


class Talk(NamedTuple):
    """How many changes conversations have had since this `studio` was started; which ones, since the look before.

    Only that they have changed is told: whoever shows one fetches it.
    """

    studio: str = ""
    number: int = 0
    changed: list[str] | None = None

    @classmethod
    def of(cls, changes: Changes, before: "Talk") -> "Talk":
        return cls(changes.id, changes.number, changes.since(before.number))

    def said(self, changed: list[str] | None = None) -> bytes:
        """`changed` None: a page that has just come cannot know which."""
        return said("conversations", {"number": f"{self.studio} {self.number}", "changed": changed})


@dataclass
class Look:
    """What there was to see at one moment; each text is made once, however many pages are told.

    `news`: what each watched run has said since the look before, as events; `unread`: watched runs not yet read;
    `models`: another text whenever there are other models; `coming`: downloads that are not done;
    `sets` and `imports`: the same of data sets.
    """

    jobs: dict[str, Job] = field(default_factory=dict)
    machine: Machine | None = None
    watched: dict[str, Watched] = field(default_factory=dict)
    news: dict[str, bytes] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    talk: Talk = field(default_factory=Talk)
    places: dict[str, Place] = field(default_factory=dict)
    models: str = ""
    coming: list[Coming] = field(default_factory=list)
    sets: str = ""
    imports: list[Importing] = field(default_factory=list)
    _downloads: dict[str, bytes] = field(default_factory=dict)
    _imports: dict[str, bytes] = field(default_factory=dict)
    _rows: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    _heads: dict[Kind, dict[str, Any]] = field(default_factory=dict)
    _wholes: dict[str, bytes] = field(default_factory=dict)
    _devices: dict[str, bytes] = field(default_factory=dict)

    def device(self, words: Words) -> bytes:
        """One line about the machine."""
        if words.language not in self._devices and self.machine:
            self._devices[words.language] = said("machine", device_line(self.machine, words))
        return self._devices.get(words.language, b"")

    def downloads(self, words: Words) -> bytes:
        """The list of downloads that are not done."""
        if words.language not in self._downloads:
            told = [coming(one.job, one.hub_id, one.total, one.status, words) for one in self.coming]
            self._downloads[words.language] = said("downloads", told)
        return self._downloads[words.language]

    def brought(self, words: Words) -> bytes:
        """The list of imports that are not done."""
        if words.language not in self._imports:
            told = [importing(one.job, one.upload, one.status, words) for one in self.imports]
            self._imports[words.language] = said("imports", told)
        return self._imports[words.language]

    def rows(self, words: Words) -> dict[str, dict[str, Any]]:
        """The lines of the list of runs, by run, in their order."""
        if words.language not in self._rows:
            known = {run: watched.curves for run, watched in self.watched.items()}
            self._rows[words.language] = {
                run: views.run_line(job, known.get(run), words, self.places.get(run)) for run, job in self.jobs.items()
            }
        return self._rows[words.language]

    def head(self, kind: Kind) -> dict[str, Any] | None:
        """What stands over the curves of the chosen run; None while it is not known."""
        language, run = kind
        if run is None or run not in self.watched:
            return None
        if kind not in self._heads:
            self._heads[kind] = views.status(self.jobs[run], self.watched[run].curves, Words(language))
        return self._heads[kind]

    def everything(self, kind: Kind) -> bytes:
        """For a page that has just come."""
        words = Words(kind[0])
        runs = said("runs", list(self.rows(words).values()))
        models = said("models", self.models) + self.downloads(words)
        models += said("sets", self.sets) + self.brought(words)
        return self.device(words) + runs + models + self.talk.said() + self.whole_run(kind)

    def whole_run(self, kind: Kind) -> bytes:
        head, run = self.head(kind), kind[1]
        if head is None or run is None:
            return b""
        if run not in self._wholes:
            events = self.watched[run].whole(self.jobs[run].forecast_bytes)
            self._wholes[run] = b"".join(said(*one) for one in events.items())
        return said("status", head) + self._wholes[run]

    def since(self, before: "Look", kind: Kind) -> bytes:
        """For a page that knows what there was to see before."""
        words = Words(kind[0])
        device = self.device(words)
        told = device if device != before.device(words) else b""
        told += self._rows_since(before.rows(words), words)
        told += said("models", self.models) if self.models != before.models else b""
        told += self.downloads(words) if self.downloads(words) != before.downloads(words) else b""
        told += said("sets", self.sets) if self.sets != before.sets else b""
        told += self.brought(words) if self.brought(words) != before.brought(words) else b""
        told += self.talk.said(self.talk.changed) if self.talk.number != before.talk.number else b""
        head = self.head(kind)
        if head is None:
            return told
        if before.head(kind) is None:
            return told + self.whole_run(kind)
        return told + (said("status", head) if head != before.head(kind) else b"") + self.news.get(kind[1] or "", b"")

    def _rows_since(self, before: dict[str, dict[str, Any]], words: Words) -> bytes:
        """The list anew when runs have come, gone or moved, else only the lines that say something else now."""
        rows = self.rows(words)
        if list(rows) != list(before):
            return said("runs", list(rows.values()))
        changed = [row for run, row in rows.items() if row != before[run]]
        return said("rows", changed) if changed else b""
