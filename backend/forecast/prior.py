"""A rough guess of how fast this machine trains, until it has been measured by training: no heavy library, 0.1 s.

Small matrix products of numpy and a loop are timed, and every figure of a calibration is taken to be as many times as
long as it was on one machine where both were known (AMD EPYC 9005, one thread, with the versions in requirements.txt).
Processors differ in more than that, and so the guess can be wrong by half.
"""

import os
from collections.abc import Callable
from functools import lru_cache
from statistics import median
from time import thread_time

import numpy as np
import psutil

from backend.forecast.calibration import CPU_RUNTIME_BYTES, Calibration, Speeds
from backend.hardware import Machine

# So small a product is never shared among threads: how long they wait for one another on a busy machine says nothing.
SIDE, PRODUCTS = 64, 200
TURNS = 50_000
REPEATS = 7
# Times the seconds per operation of numpy's product.
PER_FLOP = ((192, 1.37), (512, 0.69), (1024, 0.50))
PER_QUANTISED_FLOP = ((192, 1.46), (512, 1.07), (1024, 0.91))
PER_WEIGHT, PER_NUMBER, PER_TRAINED = 124.0, 11.7, 237.0
# Times the seconds of `TURNS` turns of a loop: what a layer costs anyway is Python and calls.
PER_LAYER = 3.0
# Twice as many threads are not twice as fast: memory is shared, and between the products one thread works.
GAIN = 0.65


def guess(machine: Machine) -> Calibration | None:
    """None where there is a graphics card: nothing that is timed here tells how fast it is."""
    return None if machine.gpus else _guess(threads(machine))


def threads(machine: Machine) -> int:
    """How many a job computes with: what OMP_NUM_THREADS says, else one for each core that is really there."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    return max(1, min(machine.cores, psutil.cpu_count(logical=False) or machine.cores))


@lru_cache(maxsize=1)
def _guess(count: int) -> Calibration:
    operation = _usual(_products()) / (PRODUCTS * 2 * SIDE**3) / count**GAIN
    return Calibration(
        rough=True,
        runtime_bytes=CPU_RUNTIME_BYTES,
        seconds_per_flop=_times(PER_FLOP, operation),
        seconds_per_quantised_flop=_times(PER_QUANTISED_FLOP, operation),
        seconds_per_layer=PER_LAYER * _usual(_loop),
        seconds_per_weight=PER_WEIGHT * operation,
        seconds_per_number=PER_NUMBER * operation,
        seconds_per_trained=PER_TRAINED * operation,
    )


def _times(factors: Speeds, operation: float) -> Speeds:
    return tuple((width, factor * operation) for width, factor in factors)


def _products() -> Callable[[], None]:
    one = np.random.default_rng(0).standard_normal((SIDE, SIDE), dtype=np.float32)
    other, out = one.T.copy(), np.empty_like(one)

    def work() -> None:
        for _ in range(PRODUCTS):
            np.matmul(one, other, out=out)

    return work


def _loop() -> None:
    total = 0
    for turn in range(TURNS):
        total += turn


def _usual(work: Callable[[], None]) -> float:
    """Seconds of processor time: what else the machine does is not counted."""
    seconds = []
    for _ in range(REPEATS):
        begun = thread_time()
        work()
        seconds.append(thread_time() - begun)
    # A clock that only ticks now and then must not make it nothing.
    return max(median(seconds), 1e-5)
