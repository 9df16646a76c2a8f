"""How long the engine and each model took to load on this machine, the latest few times: so long it will take about."""

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import Any, Literal, NamedTuple

from backend import hardware
from backend.forecast.calibration import machine_id
from backend.inference.shelf import Target
from backend.jobs.folder import write_atomically
from backend.paths import Workspace

ENGINE = "engine"
MOST_KEPT = 5


class Expected(NamedTuple):
    """What comes before an answer: the engine starts, the model is loaded, or the question is read.

    `seconds`: about how long that takes here, as measured before; None when it was never measured.
    """

    what: Literal["starting", "loading", "reading"]
    seconds: float | None = None


@dataclass(frozen=True)
class Loads:
    """Kept in workspace/calibration/loading, a file per machine and set of libraries; the engine alone writes it."""

    workspace: Workspace

    def note(self, what: str, seconds: float) -> None:
        known = self._known()
        known[what] = [*known.get(what, []), round(seconds, 2)][-MOST_KEPT:]
        with suppress(OSError):  # a full disk must not keep a model from being loaded
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path, json.dumps(known))

    def about(self, *parts: str) -> float | None:
        """The middle of the latest times of all these together; None when one of them was never measured."""
        known = self._known()
        return sum(median(known[part]) for part in parts) if all(known.get(part) for part in parts) else None

    def expected(self, target: Target, state: dict[str, Any] | None) -> Expected:
        """`state` is what the engine says of itself (`front.health`); None while it does not answer."""
        if state is None or not state.get("loaded"):
            return Expected("starting", self.about(ENGINE, key(target)))
        if key(target) in [model.get("key") for model in state.get("models", [])]:
            return Expected("reading")
        return Expected("loading", self.about(key(target)))

    @property
    def _path(self) -> Path:
        return self.workspace.calibration / "loading" / f"{_this_machine(self.workspace.root)}.json"

    def _known(self) -> dict[str, list[float]]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def key(target: Target) -> str:
    """What is loaded once for all targets that have it in common."""
    return hashlib.sha256(repr(target.key).encode()).hexdigest()[:16]


@lru_cache(maxsize=4)
def _this_machine(folder: Path) -> str:
    return machine_id(hardware.this_machine(folder))
