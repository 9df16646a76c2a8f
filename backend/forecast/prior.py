"""A rough guess of how fast this machine trains, until it has been measured by training: no heavy library, 0.1 s.

One matrix product and one loop are timed, and every figure of a calibration is taken to be as many times as long as it
was on one machine where both were known (AMD EPYC 9005, one thread, with the versions in requirements.txt). Processors
differ in more than that, and so the guess can be wrong by half.
"""

from functools import lru_cache
from time import perf_counter

import numpy as np

from backend.forecast.calibration import CPU_RUNTIME_BYTES, Calibration, Speeds
from backend.hardware import Machine

SIDE = 512
REPEATS = 12
TURNS = 50_000
# Times the seconds per operation of numpy's product.
PER_FLOP = ((192, 1.86), (512, 0.94), (1024, 0.67))
PER_QUANTISED_FLOP = ((192, 1.93), (512, 1.43), (1024, 1.18))
PER_NUMBER, PER_TRAINED = 16.0, 100.0
# Times the seconds of `TURNS` turns of a loop: what a layer costs anyway is Python and calls.
PER_LAYER = 3.2


def guess(machine: Machine) -> Calibration | None:
    """None where there is a graphics card: nothing that is timed here tells how fast it is."""
    return None if machine.gpus else _guess()


@lru_cache(maxsize=1)
def _guess() -> Calibration:
    operation, layer = _product(), PER_LAYER * _loop()
    return Calibration(
        rough=True,
        runtime_bytes=CPU_RUNTIME_BYTES,
        seconds_per_flop=_times(PER_FLOP, operation),
        seconds_per_quantised_flop=_times(PER_QUANTISED_FLOP, operation),
        seconds_per_layer=layer,
        seconds_per_number=PER_NUMBER * operation,
        seconds_per_trained=PER_TRAINED * operation,
    )


def _times(factors: Speeds, operation: float) -> Speeds:
    return tuple((width, factor * operation) for width, factor in factors)


def _product() -> float:
    """Seconds per operation of a matrix product, the fastest of some: the first ones wake up threads."""
    one = np.random.default_rng(0).standard_normal((SIDE, SIDE), dtype=np.float32)
    other, out = one.T.copy(), np.empty_like(one)
    seconds = []
    for _ in range(REPEATS):
        begun = perf_counter()
        np.matmul(one, other, out=out)
        seconds.append(perf_counter() - begun)
    return min(seconds) / (2 * SIDE**3)


def _loop() -> float:
    """Seconds of `TURNS` turns in Python, the fastest of three."""
    seconds = []
    for _ in range(3):
        begun, total = perf_counter(), 0
        for turn in range(TURNS):
            total += turn
        seconds.append(perf_counter() - begun)
    return min(seconds)
