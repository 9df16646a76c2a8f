"""What every test may ask for."""

import os
from pathlib import Path

import pytest

from backend.paths import Workspace

# As every job has it; read when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty workspace of this test alone."""
    return Workspace(tmp_path / "workspace").create()
