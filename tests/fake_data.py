"""Data sets without a process: the real folders and ledger; files are looked at where the test runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.data.intake.look import look
from backend.data.intake.preview import Preview
from backend.data.mapping.mapping import Mapping
from backend.data.opening.opened import Choices
from backend.errors import AccessError
from backend.jobs.service import Jobs
from backend.paths import Workspace
from backend.people import HOME
from studio.services.data.bringing import Bringing
from studio.services.data.sets import MyData


@dataclass(frozen=True)
class FakeBringing(Bringing):
    @classmethod
    def at(cls, workspace: Workspace, jobs: Jobs) -> "FakeBringing":
        return cls(workspace, jobs, HOME)

    def _look(self, upload: str, choices: Choices, mapping: Mapping | None) -> Preview:
        sources: Sequence[tuple[str, Path]] = self.files(upload)
        if not sources:
            raise AccessError("data.upload_gone")
        return look(list(sources), choices, mapping, self.workspace.root)


def my_data(workspace: Workspace, jobs: Jobs) -> MyData:
    return MyData(workspace, jobs, HOME)
