"""What this machine is, as far as setting up must know: its cards, its memory, and how big an installation is."""

import importlib
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ORDINARY = "ordinary"
PYTORCH_INDEX = "pytorch"
NEWEST_CUDA_DRIVER = 580
"""The oldest NVIDIA driver (major version) that runs CUDA 13, which the torch of the ordinary index is built for."""


@dataclass(frozen=True)
class Card:
    """One NVIDIA card; `memory_bytes` is the whole card's."""

    name: str
    memory_bytes: int
    driver: str

    @property
    def driver_major(self) -> int:
        first = self.driver.partition(".")[0]
        return int(first) if first.isdigit() else 0


def cards() -> tuple[Card, ...]:
    """The NVIDIA cards that the driver's own tool lists; none when there is no driver."""
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits"]
    if shutil.which(query[0]) is None:
        return ()
    try:
        said = subprocess.run(query, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return tuple(_card(line) for line in said.stdout.splitlines() if said.returncode == 0 and line.count(",") >= 2)


def _card(line: str) -> Card:
    name, memory, driver = (part.strip() for part in line.rsplit(",", 2))
    return Card(name, int(memory) * 2**20 if memory.isdigit() else 0, driver)


def torch_source(found: tuple[Card, ...], system: str = sys.platform) -> str:
    """Where torch comes from: `ORDINARY`, or `PYTORCH_INDEX` when the ordinary build cannot use the card.

    The ordinary index has the CUDA build for Linux and a build without CUDA for Windows; a driver older than that
    build's CUDA needs an older one, which only PyTorch's own index keeps.
    """
    if not found:
        return ORDINARY
    too_old = min(card.driver_major for card in found) < NEWEST_CUDA_DRIVER
    return PYTORCH_INDEX if system == "win32" or too_old else ORDINARY


def torch_for_pip(source: str) -> list[str]:
    """pip's options for `source`. pip cannot choose a build by the driver as uv does: CUDA 12.6 suits most of them."""
    return ["--extra-index-url", "https://download.pytorch.org/whl/cu126"] if source == PYTORCH_INDEX else []


@dataclass(frozen=True)
class Need:
    """Bytes to download and bytes on disk afterwards, for everything in requirements.txt."""

    download: int
    disk: int


def need(source: str = ORDINARY, system: str = sys.platform) -> Need:
    """How big the installation is.

    Linux: measured on x86-64 with torch 2.15 (3.23 GB, 6.33 GB). Elsewhere the download is the sum of that system's
    wheels, and the disk is Linux's without torch, triton and CUDA, with that system's torch added.
    """
    if system == "linux" or source == PYTORCH_INDEX:
        return Need(3_200_000_000, 6_400_000_000)
    return Need(330_000_000, 1_500_000_000)


def free_disk(path: Path) -> int:
    """Free bytes on the disk of `path` or of its nearest parent that exists."""
    there = next(folder for folder in (path, *path.parents) if folder.exists())
    return shutil.disk_usage(there).free


def memory_bytes() -> int | None:
    """Memory of the machine, or None where the standard library cannot tell."""
    if sys.platform == "win32" or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def missing_modules() -> list[str]:
    """The modules that make a .venv and that this Python lacks; Debian and Ubuntu ship them apart."""
    return [name for name in ("venv", "ensurepip") if not _imports(name)]


def _imports(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def describe() -> str:
    """`Linux 6.1.0 x86_64`."""
    return f"{platform.system()} {platform.release()} {platform.machine()}"
