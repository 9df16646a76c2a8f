"""A program that is measured, in a process of its own: the work alone, without loading the libraries."""

import json
import statistics
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

METER = """
import json, os, resource, sys, time
class Meter:
    def __enter__(self):
        self.clock, self.used = time.perf_counter(), os.times()
        return self
    def __exit__(self, *_):
        self.seconds = time.perf_counter() - self.clock
        self.processor = sum(os.times()[:4]) - sum(self.used[:4])
    def tell(self, **more):
        # Of a second process too: pages that both have are counted twice, so it is that much or less.
        both = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        memory = sum(resource.getrusage(who).ru_maxrss for who in both) * 1024
        print(json.dumps({"seconds": self.seconds, "processor": self.processor, "memory": memory} | more))
"""
Found = dict[str, Any]


def once(program: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Found:
    """What the program tells at its end: seconds on the clock and of the processor, bytes, and what it found."""
    command = [sys.executable, "-c", METER + program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    found: Found = json.loads(done.stdout.splitlines()[-1])
    return found


def compared(ours: list[Found], theirs: list[Found], what: str) -> dict[str, float]:
    """Medians of both, and between which ratios the turns were."""
    ratios = [their["seconds"] / own["seconds"] for own, their in zip(ours, theirs, strict=True)]
    return {
        f"{what}, s": middle(ours),
        f"{what}, s of processor": middle(ours, "processor"),
        f"{what}, theirs, s": middle(theirs),
        f"{what}, theirs, s of processor": middle(theirs, "processor"),
        f"{what}, lowest ratio of a turn": min(ratios),
        f"{what}, highest ratio of a turn": max(ratios),
    }


def middle(found: list[Found], what: str = "seconds") -> float:
    return float(statistics.median(one[what] for one in found))
