"""Processes as the system knows them: who one is, and how a whole group of them is ended.

A pid alone names nobody: it may have been given to an innocent process since. A signal is sent only when pid, start
time and boot id are all the recorded ones. Whether a job lives is never asked here: its file lock says it.
"""

import contextlib
import os
import signal
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Identity:
    pid: int
    start: str
    boot: str

    @classmethod
    def of(cls, pid: int) -> "Identity | None":
        """None when there is no such process."""
        start = start_of(pid)
        return None if start is None else cls(pid, start, boot_id())

    @property
    def same(self) -> bool:
        """Whether the process of this pid is still the one that was recorded."""
        return self.boot == boot_id() and start_of(self.pid) == self.start


@cache
def boot_id() -> str:
    """Changes at every start of the machine."""
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text(encoding="ascii").strip() if path.exists() else f"{psutil.boot_time():.0f}"


def start_of(pid: int) -> str | None:
    """When a process began, in a form that does not follow changes of the clock; None when there is none.

    A zombie has ended: only its parent has not noticed.
    """
    stat = Path(f"/proc/{pid}/stat")
    try:
        if Path("/proc/self/stat").exists():
            fields = stat.read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()
            return None if fields[0] in {"Z", "X"} else fields[19]
        return f"{psutil.Process(pid).create_time():.3f}"
    except (OSError, psutil.Error):
        return None


def ask_to_end(process: Identity) -> None:
    """SIGTERM to the leader alone: it ends its own helpers. Windows has no such signal; stop.json does it there."""
    if os.name != "nt" and process.same:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process.pid, signal.SIGTERM)


def members(leader: Identity) -> list[psutil.Process]:
    """Everything that was started by this process: its session where there are sessions, else its descendants.

    A session keeps its number after its leader is gone, and no new process can get that number meanwhile; still each
    member must be younger than the recorded leader, on the recorded boot.
    """
    if leader.boot != boot_id():
        return []
    if os.name == "nt":
        if not leader.same:
            return []
        root = psutil.Process(leader.pid)
        return [*root.children(recursive=True), root]
    stranger = start_of(leader.pid)
    if stranger is not None and stranger != leader.start:
        return []
    return [psutil.Process(pid) for pid in psutil.pids() if _belongs(pid, leader)]


def _belongs(pid: int, leader: Identity) -> bool:
    try:
        if os.getsid(pid) != leader.pid:
            return False
    except (ProcessLookupError, PermissionError):
        return False
    start = start_of(pid)
    return start is not None and float(start) >= float(leader.start)


def end_group(leader: Identity, *, surely: bool) -> int:
    """End a process and all it started: SIGTERM, or SIGKILL when `surely`. How many there were."""
    found = members(leader)
    for process in found:
        with contextlib.suppress(psutil.Error):
            if surely:
                process.kill()
            else:
                process.terminate()
    return len(found)


def memory_kills() -> int:
    """How often the kernel ended a process of our control group for lack of memory; 0 where it does not say."""
    for line in _cgroup_lines():
        name, _, count = line.partition(" ")
        if name == "oom_kill":
            return int(count)
    return 0


def _cgroup_lines() -> list[str]:
    try:
        for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            number, controllers, path = line.split(":", 2)
            if number == "0" and not controllers:
                files = [Path("/sys/fs/cgroup") / path.lstrip("/") / "memory.events"]
            elif "memory" in controllers.split(","):
                base = Path("/sys/fs/cgroup/memory")
                files = [base / path.lstrip("/") / "memory.oom_control", base / "memory.oom_control"]
            else:
                continue
            for file in files:
                if file.exists():
                    return file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    return []
