"""How many processor threads a step takes: for one row of a small model one thread is faster than two."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

FEW, MANY = 1, 8
# Read once: what one thread sets later is where torch starts the next thread.
MOST = torch.get_num_threads()
REPEATS = 3
# A doubling must pay at least so much: threads that help little are taken from the page and the other users.
WORTH = 0.95


@dataclass(frozen=True)
class Threads:
    """The number of threads for a step of few rows and of many; prompts are read with `most`."""

    few: int
    many: int
    most: int

    @classmethod
    def measured(cls, step: Callable[[int], object], device: torch.device) -> "Threads":
        """Measure `step(rows)` with 1, 2, 4, ... threads; a GPU needs none."""
        most = MOST
        if device.type != "cpu":
            return cls(most, most, most)
        try:
            return cls(fastest(lambda: step(FEW), most), fastest(lambda: step(MANY), most), most)
        finally:
            torch.set_num_threads(most)

    def use(self, rows: int) -> None:
        """Set the number for a step of `rows` rows in this thread."""
        set_threads(self.few if rows < (FEW + MANY) // 2 else self.many)

    def use_most(self) -> None:
        set_threads(self.most)


def set_threads(count: int) -> None:
    if torch.get_num_threads() != count:
        torch.set_num_threads(count)


def fastest(step: Callable[[], object], most: int) -> int:
    """Doubles the threads for as long as that pays. The best of a few tries counts: others may be using the machine."""
    chosen, best, count = 1, seconds(step, 1), 2
    while count <= most:
        now = seconds(step, count)
        if now > best * WORTH:
            break
        chosen, best, count = count, now, count * 2
    return chosen


def seconds(step: Callable[[], object], threads: int) -> float:
    set_threads(threads)
    found = []
    for _ in range(REPEATS + 1):
        started = time.perf_counter()
        step()
        found.append(time.perf_counter() - started)
    return min(found)
