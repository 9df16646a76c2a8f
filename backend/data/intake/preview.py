"""What a file is and how its first rows will look, found out by a short process of its own with limits.

So the page never reads somebody's file itself: one that is too large, damaged, or made to do harm ends that process.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from backend.data.intake.findings import Finding, of_error
from backend.data.mapping.mapping import Mapping
from backend.data.opening.opened import Choices, Understood
from backend.errors import DataError
from backend.jobs.supervisor.start import environment
from backend.paths import ROOT, Workspace
from backend.people import Person

SECONDS = 60.0


class Shown(BaseModel):
    """One record: its values as texts (long ones cut), the stored rows that come of it, or what is wrong with it."""

    model_config = ConfigDict(frozen=True)
    place: str
    values: dict[str, str] = {}
    rows: tuple[dict[str, Any], ...] = ()
    fault: dict[str, str] | None = None


class Preview(BaseModel):
    """`understood` None: the file cannot be read, and `findings` say why. `columns`: of the file, or of these records.
    `languages` of the rows shown. `more`: there are other records behind these. `pictures`: the first of those that the
    rows name, small, as the address of an `<img>`.
    """

    model_config = ConfigDict(frozen=True)
    understood: Understood | None = None
    mapping: Mapping | None = None
    columns: tuple[str, ...] = ()
    records: tuple[Shown, ...] = ()
    findings: tuple[Finding, ...] = ()
    languages: tuple[str, ...] = ()
    more: bool = False
    pictures: dict[str, str] = {}


def preview(
    person: Person,
    workspace: Workspace,
    sources: Sequence[tuple[str, Path]],
    choices: Choices | None = None,
    mapping: Mapping | None = None,
) -> Preview:
    """Of these files (the name it had, where it lies). What is wrong with them is in the preview, not an error."""
    asked = {
        "sources": [(name, str(path.resolve())) for name, path in sources],
        "choices": (choices or Choices()).model_dump(),
        "mapping": mapping.model_dump() if mapping else None,
        "scratch": str(workspace.root),
    }
    try:
        done = subprocess.run(
            [sys.executable, "-m", "backend.data.intake.look"],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=ROOT,
            env=environment(),
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _refused("opening.too_slow")
    try:
        return Preview(**json.loads(done.stdout))
    except ValueError:
        return _refused(ENDED.get(done.returncode, "opening.too_big_to_read"))


# By SIGXCPU, or by SIGKILL a second later; by SIGSEGV or SIGBUS, where a damaged file has misled native code.
ENDED = {-24: "opening.too_slow", -9: "opening.too_slow", -11: "opening.damaged", -7: "opening.damaged"}


def _refused(key: str) -> Preview:
    return Preview(findings=(of_error(DataError(key), rows=0),))
