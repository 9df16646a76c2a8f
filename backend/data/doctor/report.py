"""What a check has found, kept as a file: beside the rows of a person's data set, or apart for one that ships."""

import time
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backend.data.actions.queueing import require_own
from backend.data.datasets import Dataset
from backend.data.doctor.finding import Finding
from backend.data.doctor.rules.sizes import Lengths
from backend.data.shapes import Shape
from backend.paths import Workspace, write_atomically
from backend.people import Person

FILE = "findings.json"


class Report(BaseModel):
    """Of the rows with this `sha256`. `model`: for which they were looked at ("" for none, then there are no
    `lengths`). `languages`: rows by language, the commonest first, "" where it is not certain.
    """

    model_config = ConfigDict(frozen=True)
    dataset: str = ""
    sha256: str = ""
    rows: int
    shape: Shape | None = None
    model: str = ""
    findings: tuple[Finding, ...]
    languages: dict[str, int]
    lengths: Lengths | None = None
    seconds: float = 0.0
    checked_at: float = Field(default_factory=time.time)

    @property
    def fixes(self) -> tuple[str, ...]:
        """What can be mended, in the order of the findings."""
        return tuple(dict.fromkeys(one.fix for one in self.findings if one.fix))


def findings(person: Person, workspace: Workspace, dataset: Dataset) -> Report | None:
    """Of the last check of this version; None before the first one. AccessError for somebody else's."""
    require_own(person, workspace, dataset)
    try:
        report = Report.model_validate_json(_place(workspace, dataset).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    return report if report.sha256 == dataset.sha256 else None


def keep(workspace: Workspace, dataset: Dataset, report: Report) -> None:
    place = _place(workspace, dataset)
    place.parent.mkdir(exist_ok=True)
    write_atomically(place, report.model_dump_json())


def _place(workspace: Workspace, dataset: Dataset) -> Path:
    if dataset.shipped:
        return workspace.root / "findings" / f"{dataset.id}.json"
    return dataset.path.parent / FILE
