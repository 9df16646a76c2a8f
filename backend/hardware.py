"""What this machine has, without loading torch."""

import contextlib
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil
import pynvml


@dataclass(frozen=True)
class Gpu:
    """One NVIDIA card; `index` counts as nvidia-smi does. Bytes."""

    index: int
    name: str
    memory_bytes: int
    free_bytes: int

    @property
    def device(self) -> str:
        """What a job's `device` says to get this card."""
        return f"gpu:{self.index}"


@dataclass(frozen=True)
class Machine:
    """Bytes. `cores` counts what this process may use; `bf16_cpu`: the processor computes in bfloat16 by itself."""

    cpu_name: str
    cores: int
    memory_bytes: int
    memory_free_bytes: int
    bf16_cpu: bool
    gpus: tuple[Gpu, ...]
    disk_bytes: int
    disk_free_bytes: int

    @property
    def device(self) -> str:
        """The device a job gets when nobody chose: the card with the most free memory, else the processor."""
        best = max(self.gpus, key=lambda gpu: gpu.free_bytes, default=None)
        return best.device if best is not None else "cpu"


def this_machine(folder: Path | None = None) -> Machine:
    """Measured now; the disk is that of `folder` (the current one when None)."""
    disk = shutil.disk_usage(folder or Path.cwd())
    memory = psutil.virtual_memory()
    limit, used = _memory_limit()
    return Machine(
        cpu_name=_cpu()[0],
        cores=_cores(),
        memory_bytes=min(memory.total, limit),
        memory_free_bytes=max(0, min(memory.available, limit - used)),
        bf16_cpu=_cpu()[1],
        gpus=tuple(gpus()),
        disk_bytes=disk.total,
        disk_free_bytes=disk.free,
    )


def gpus() -> Iterator[Gpu]:
    """The NVIDIA cards this process may use; none where there is no card or no driver."""
    with nvml() as present:
        if not present:
            return
        for index in range(pynvml.nvmlDeviceGetCount()):
            if not _visible(index):
                continue
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
            yield Gpu(index, str(pynvml.nvmlDeviceGetName(handle)), int(memory.total), int(memory.free))


@contextlib.contextmanager
def nvml() -> Iterator[bool]:
    """NVIDIA's management library, open; False where it is not to be had."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield False
        return
    try:
        yield True
    finally:
        pynvml.nvmlShutdown()


def _visible(index: int) -> bool:
    """Whether CUDA_VISIBLE_DEVICES, when it is a list of numbers, leaves this card to us."""
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is None:
        return True
    wanted = [part.strip() for part in allowed.split(",")]
    by_name = any(part.startswith(("GPU-", "MIG-")) for part in wanted)
    return by_name or str(index) in wanted


def _cores() -> int:
    """What the scheduler lets us use, and no more than the control group's share of time."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        if quota != "max":
            return max(1, min(allowed, round(int(quota) / int(period))))
    return allowed


def _memory_limit() -> tuple[int, int]:
    """Limit and use of the control group, in bytes; a limit beyond any machine where there is none."""
    pairs = (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))
    for limit, used in pairs:
        with contextlib.suppress(OSError, ValueError):
            base = Path("/sys/fs/cgroup")
            return int((base / limit).read_text()), int((base / used).read_text()) - _cached(base / used)
    return 2**62, 0


def _cached(used: Path) -> int:
    """Bytes of files that the kernel keeps in memory but would give up at once."""
    lines = used.with_name("memory.stat").read_text(encoding="ascii").splitlines()
    facts = dict(line.split() for line in lines)
    return int(facts.get("inactive_file", 0))


@cache
def _cpu() -> tuple[str, bool]:
    """Name, and whether it has bfloat16 instructions (without them training in bf16 is many times slower than fp32)."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        facts = {name.strip(): text.strip() for name, _, text in (line.partition(":") for line in lines)}
        flags = set((facts.get("flags") or facts.get("Features") or "").split())
        name = facts.get("model name") or platform.processor() or platform.machine()
        return name, bool(flags & {"avx512_bf16", "amx_bf16", "bf16"})
    return platform.processor() or platform.machine(), False
