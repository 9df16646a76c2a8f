"""Whether a folder can be a workspace: there or makeable, writable, on a disk of this machine, and not in use."""

import errno
import json
import os
import re
import sqlite3
import sys
from pathlib import Path

from backend.errors import SetupError
from backend.paths import Workspace
from backend.setup import machine
from backend.setup.lock import Lock
from backend.setup.voice import bytes_text

NETWORK_TYPES = frozenset(
    """nfs nfs3 nfs4 cifs smb smb2 smb3 smbfs afpfs webdav davfs 9p afs ceph glusterfs lustre
    fuse.sshfs fuse.rclone fuse.s3fs fuse.glusterfs""".split()  # noqa: SIM905  (a list of strings takes 20 lines)
)
"""File systems on which SQLite's write-ahead log loses data: it needs memory shared by every process that writes."""
MOUNTS = Path("/proc/mounts")
ESCAPED = re.compile(r"\\([0-7]{3})")  # a space in a folder's name is written "\040" there
REMOTE_DRIVE = 4


def open_workspace(path: Path) -> Workspace:
    """The workspace, its folders made when they are missing; SetupError when it cannot be used."""
    kind = network_type(path)
    if kind is not None:
        raise SetupError("setup.workspace_network", folder=path, kind=kind)
    probe = path / f".writable-{os.getpid()}"
    try:
        workspace = Workspace(path).create()
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        raise _refused(path, error) from error
    return workspace


def _refused(path: Path, error: OSError) -> SetupError:
    if error.errno == errno.ENOSPC:
        return SetupError("setup.disk_full", folder=path, free=bytes_text(machine.free_disk(path)))
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return SetupError("setup.workspace_not_folder", folder=path)
    return SetupError("setup.workspace_read_only", folder=path, said=error.strerror or str(error))


def network_type(path: Path, mounts: Path = MOUNTS) -> str | None:
    """The type of the network file system that holds `path`, or None on a disk of this machine.

    macOS has no table of mounts to read: there the ledger asks the system again, once psutil is installed.
    """
    real = path.resolve()
    if sys.platform == "win32":
        return _windows_network_type(real)
    if not mounts.is_file():
        return None
    best, kind = -1, ""
    for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
        _, point, this_kind, *_ = line.split(" ")
        mount = Path(ESCAPED.sub(lambda octal: chr(int(octal[1], 8)), point))
        if real.is_relative_to(mount) and len(mount.parts) >= best:
            best, kind = len(mount.parts), this_kind.lower()
    return kind if kind in NETWORK_TYPES else None


def _windows_network_type(real: Path) -> str | None:
    if sys.platform != "win32":
        return None
    import ctypes  # noqa: PLC0415  (only Windows has what is asked of it)

    remote = real.drive.startswith("\\\\") or ctypes.windll.kernel32.GetDriveTypeW(real.anchor) == REMOTE_DRIVE
    return "network drive" if remote else None


def hold(workspace: Workspace) -> Lock:
    """The lock of the one studio of this workspace; SetupError, with the other's address, when there is one."""
    lock = Lock(workspace.root / "studio.lock")
    if not lock.take():
        raise SetupError("setup.workspace_in_use", folder=workspace.root, address=_address(workspace))
    return lock


def tell_address(workspace: Workspace, address: str) -> None:
    """Leave our address, without its token, for whoever starts a second studio here."""
    (workspace.root / "studio.json").write_text(json.dumps({"address": address, "pid": os.getpid()}), encoding="utf-8")


def _address(workspace: Workspace) -> str:
    try:
        return str(json.loads((workspace.root / "studio.json").read_text(encoding="utf-8"))["address"])
    except (OSError, ValueError, KeyError):
        return "…"


def running_jobs(workspace: Workspace) -> int:
    """How many runs are under way, read from the ledger without changing it; 0 when there is no ledger to ask."""
    if not workspace.ledger.is_file():
        return 0
    try:
        ledger = sqlite3.connect(f"{workspace.ledger.as_uri()}?mode=ro", uri=True, timeout=1)
        with ledger:
            count = ledger.execute("SELECT count(*) FROM jobs WHERE state IN ('starting', 'running')").fetchone()[0]
        ledger.close()
    except sqlite3.Error:
        return 0
    return int(count)
