"""Measurements in processes of their own, and where what they share is written."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

GIGA = 10**9
SHARED_MEMORY = Path("/dev/shm")


def child(module: str, *words: str) -> dict[str, Any]:
    """The figures of one measurement by `python -m module words...`, which says them in its last line."""
    ran = subprocess.run([sys.executable, "-m", module, *words], stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


def roomy() -> Path | None:
    """Where checkpoints of tens of gigabytes are written: memory if there is enough, else the usual place."""
    there = SHARED_MEMORY.is_dir() and shutil.disk_usage(SHARED_MEMORY).free > 50 * GIGA
    return SHARED_MEMORY if there else None
