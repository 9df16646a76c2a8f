"""The real worker, with a job that counts instead of training: light enough to be killed a hundred times.

A request may say `die_at`: the first attempt is then killed at that point of the worker's own life.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backend.jobs.claims import Claims
from backend.worker import main


def die(*arguments: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(folder: Path) -> None:
    """Die before or after one of the two steps that touch the ledger."""
    when, _, step = json.loads((folder / "request.json").read_text()).get("die_at", "").partition(" ")
    if step and json.loads((folder / "attempt.json").read_text())["number"] == 1:
        setattr(Claims, step, dying(getattr(Claims, step), when))


def dying(real: Callable[..., Any], when: str) -> Callable[..., Any]:
    def act(*arguments: Any) -> Any:
        if when == "before":
            die()
        real(*arguments)
        die()

    return act


if __name__ == "__main__":
    if sys.argv[1] != "--warm":
        arm(Path(sys.argv[1]))
    sys.exit(main(sys.argv[1:], {"count": "tests.faults.counter"}))
