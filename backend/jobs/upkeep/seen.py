"""What models saw of pictures and was kept: how much of the disk it takes, and letting it go."""

import shutil

from backend.jobs.upkeep import retention
from backend.paths import Workspace


def size(workspace: Workspace) -> int:
    """Bytes; 0 while nothing is kept."""
    return retention.size(workspace.features) if workspace.features.is_dir() else 0


def forget(workspace: Workspace) -> None:
    """Nothing is lost by it: a run that wants it looks at its pictures again, also one that runs now."""
    shutil.rmtree(workspace.features, ignore_errors=True)
