"""What every test may ask for."""

from pathlib import Path

import pytest

from backend.paths import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty workspace of this test alone."""
    return Workspace(tmp_path / "workspace").create()
