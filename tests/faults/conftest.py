"""A workspace for each test; whatever the test leaves running is ended after it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.jobs import process
from tests.faults.stage import Stage


@pytest.fixture(autouse=True)
def as_much_memory_as_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job's process is small and its limit far away; a fork of the tests' own holds all that they have loaded, and
    would be at its limit when it begins.
    """
    monkeypatch.setattr("backend.data.opening.limits.limit", lambda *_: None)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage.at(tmp_path)
    yield made
    for claim in made.claims.held():
        if claim.process is not None:
            process.end_group(claim.process, surely=True)
