"""Reads the GPUs every two seconds into a file of lines that the page can follow; nothing where there is no GPU."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pynvml

from backend import hardware

EVERY_SECONDS = 2.0
MOST_BYTES = 8 * 2**20


def sample(gpus: list[hardware.Gpu]) -> list[dict[str, Any]]:
    """One reading a card: bytes, percent, degrees Celsius, watts; None where the card does not say."""
    with hardware.nvml() as present:
        return [_read(gpu) for gpu in gpus] if present else []


def _read(gpu: hardware.Gpu) -> dict[str, Any]:
    handle = pynvml.nvmlDeviceGetHandleByIndex(gpu.index)
    return {
        "index": gpu.index,
        "name": gpu.name,
        "used": gpu.memory_bytes - gpu.free_bytes,
        "total": gpu.memory_bytes,
        "busy_percent": _ask(lambda: int(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu)),
        "celsius": _ask(lambda: int(pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU))),
        "watts": _ask(lambda: pynvml.nvmlDeviceGetPowerUsage(handle) / 1000),
    }


def _ask(question: Callable[[], float]) -> float | None:
    try:
        return question()
    except pynvml.NVMLError:
        return None


class Sampler:
    """`read` gives the readings of one moment; an empty list or an error is a gap, never a stop."""

    def __init__(self, path: Path, read: Callable[[], list[dict[str, Any]]], *, every: float = EVERY_SECONDS) -> None:
        self.path = path
        self.read = read
        self.every = every
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampling", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.ended.set()
        self._thread.join(timeout=2)

    def _run(self) -> None:
        while not self.ended.wait(self.every):
            self.take()

    def take(self) -> None:
        """Append one line; a driver that fails or a full disk leaves a gap."""
        try:
            found = self.read()
            if found:
                self._append(json.dumps({"at": time.time(), "gpus": found}) + "\n")
        except (pynvml.NVMLError, OSError):
            return

    def _append(self, line: str) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line)
        if self.path.stat().st_size > MOST_BYTES:
            kept = self.path.read_bytes()[-MOST_BYTES // 2 :]
            draft = self.path.with_suffix(".part")
            draft.write_bytes(kept[kept.index(b"\n") + 1 :])
            draft.replace(self.path)


def sampler(path: Path) -> Sampler | None:
    """A sampler of this machine's cards, or None."""
    return Sampler(path, lambda: sample(list(hardware.gpus()))) if list(hardware.gpus()) else None
