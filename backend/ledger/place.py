"""Where a ledger may live: a local, writable folder."""

import os
from pathlib import Path

import psutil

from backend.errors import SetupError
from backend.setup.start.folder import NETWORK_TYPES


def filesystem(folder: Path) -> str:
    """The type of the file system that holds `folder`, in lower case; "" when the system does not say."""
    real = folder.resolve()
    best, kind = -1, ""
    for part in psutil.disk_partitions(all=True):
        mount = Path(part.mountpoint)
        if real.is_relative_to(mount) and len(mount.parts) >= best:
            best, kind = len(mount.parts), part.fstype.lower()
    return kind


def require_local_and_writable(folder: Path) -> None:
    """SetupError unless SQLite's write-ahead log is safe in `folder`: it needs one host and a local disk."""
    kind = filesystem(folder)
    if kind in NETWORK_TYPES:
        raise SetupError("ledger.network_folder", path=folder, kind=kind)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SetupError("ledger.read_only", path=folder)
    probe = folder / f".writable-{os.getpid()}"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise SetupError("ledger.read_only", path=folder) from error
