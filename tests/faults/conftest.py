"""A workspace for each test; whatever the test leaves running is ended after it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.jobs import process
from tests.faults.stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage.at(tmp_path)
    yield made
    for claim in made.claims.held():
        if claim.process is not None:
            process.end_group(claim.process, surely=True)
