"""Memory of this process, in bytes: on a card allocated, reserved and the whole process; elsewhere its resident set."""

import gc
import os
from dataclasses import dataclass
from typing import Protocol

import psutil
import pynvml
import torch


class Meter(Protocol):
    def reset(self) -> None:
        """Give back what is not in use; peaks count from now on."""

    def now(self) -> dict[str, int]:
        """What is taken at this moment."""

    def peak(self) -> dict[str, int]:
        """The most since `reset`."""


@dataclass(frozen=True)
class CardMeter:
    device: torch.device

    def reset(self) -> None:
        gc.collect()
        torch.cuda.synchronize(self.device)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(self.device)

    def now(self) -> dict[str, int]:
        return {
            "allocated": torch.cuda.memory_allocated(self.device),
            "reserved": torch.cuda.memory_reserved(self.device),
            "process": self._process(),
        }

    def peak(self) -> dict[str, int]:
        """Without `reset` in between the allocator gives nothing back, so the process is at its most now."""
        torch.cuda.synchronize(self.device)
        return {
            "allocated": torch.cuda.max_memory_allocated(self.device),
            "reserved": torch.cuda.max_memory_reserved(self.device),
            "process": self._process(),
        }

    def _process(self) -> int:
        """What the driver says of this process; inside a container it may know it by another number, then all."""
        pynvml.nvmlInit()
        card = pynvml.nvmlDeviceGetHandleByIndex(self.device.index or 0)
        running = pynvml.nvmlDeviceGetComputeRunningProcesses(card)
        own = [each.usedGpuMemory for each in running if each.pid == os.getpid() or len(running) == 1]
        return int(own[0] if own and own[0] else pynvml.nvmlDeviceGetMemoryInfo(card).used)


@dataclass(frozen=True)
class ProcessMeter:
    """For trying the commands out without a card; there is no peak to be had, so it is what is taken at the end."""

    def reset(self) -> None:
        gc.collect()

    def now(self) -> dict[str, int]:
        return {"process": psutil.Process().memory_info().rss}

    def peak(self) -> dict[str, int]:
        return self.now()


def of(device: torch.device) -> Meter:
    return CardMeter(device) if device.type == "cuda" else ProcessMeter()
