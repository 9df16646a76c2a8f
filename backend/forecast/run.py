"""Measures how fast this machine trains, in a few seconds. Heavy: only a process that trains opens this module.

python -m backend.forecast.run WORKSPACE     measure, unless this machine is known already
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import NoReturn

import psutil
import torch
from bitsandbytes.functional import dequantize_4bit, quantize_4bit
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from backend.forecast import calibration, duration
from backend.forecast.calibration import Calibration
from backend.forecast.memory import Load
from backend.forecast.work import Work
from backend.hardware import Machine, this_machine
from backend.models.facts import facts
from backend.paths import Workspace
from backend.recipes.schema import Recipe

MOST_REPEATS = 12
PATIENCE_SECONDS = 1.0
FEW, MANY = 8, 512
NUMBERS = 2**21
CONFIG = LlamaConfig(
    vocab_size=1024,
    hidden_size=256,
    intermediate_size=704,
    num_hidden_layers=4,
    num_attention_heads=4,
    num_key_value_heads=4,
)


@contextmanager
def beside(place: Path) -> Iterator[None]:
    """Measure this machine for the workspace at `place` in a fork of this process, unless it is known already.

    The fork is ended with the block, finished or not: what comes next is not disturbed. Where there is no fork nothing
    is measured.
    """
    workspace = Workspace(place)
    machine = this_machine(place)
    if not hasattr(os, "fork") or calibration.load(workspace, machine) is not None:
        yield
        return
    runtime = psutil.Process().memory_info().rss
    child = os.fork()
    if child == 0:
        _measure_and_leave(workspace, machine, runtime)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _measure_and_leave(workspace: Workspace, machine: Machine, runtime: int) -> NoReturn:
    """In the fork, which must never come back to what its parent goes on with."""
    try:
        calibration.save(workspace, machine, measure(runtime))
    finally:
        os._exit(0)


def measure(runtime: int) -> Calibration:
    """Train a small model on few and on many tokens: the difference is matrix products, the rest is overhead.

    `runtime`: bytes of a process with everything imported; a fork does not count pages that it has not touched.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with torch.random.fork_rng(devices=[]):
        model = get_peft_model(LlamaForCausalLM(CONFIG), LoraConfig(r=16, target_modules="all-linear")).to(device)
        times = {count: _least(_step(model, count, device), device) for count in (FEW, MANY)}
        per_number = _least(_unpacking(device), device) / NUMBERS
    flops = {count: count * _flops(count) for count in times}
    per_flop = max(times[MANY] - times[FEW], 1e-6) / (flops[MANY] - flops[FEW])
    overhead = max(times[FEW] - flops[FEW] * per_flop, 1e-6)
    return Calibration(
        runtime_bytes=runtime,
        seconds_per_flop=per_flop,
        seconds_per_layer=overhead / CONFIG.num_hidden_layers,
        seconds_per_number=per_number,
    )


def _step(model: torch.nn.Module, count: int, device: torch.device) -> Callable[[], None]:
    tokens = torch.randint(0, CONFIG.vocab_size, (1, count), device=device)

    def step() -> None:
        model(input_ids=tokens, labels=tokens, use_cache=False).loss.backward()
        model.zero_grad()

    return step


def _unpacking(device: torch.device) -> Callable[[], None]:
    """Makes `NUMBERS` numbers out of four bits."""
    packed, state = quantize_4bit(torch.randn(NUMBERS // 1024, 1024, device=device), quant_type="nf4")

    def unpack() -> None:
        dequantize_4bit(packed, state)

    return unpack


def _least(work: Callable[[], None], device: torch.device) -> float:
    """Seconds of the fastest call: what else the machine does can only make one slower. The first is not counted.

    On a busy machine a call waits; its processor time is then nearer to what it takes on a free one.
    """
    seconds: list[float] = []
    end = perf_counter() + PATIENCE_SECONDS
    while len(seconds) < 3 or (len(seconds) < MOST_REPEATS and perf_counter() < end):
        begun, used = perf_counter(), process_time()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        took = perf_counter() - begun
        seconds.append(min(took, process_time() - used) if device.type == "cpu" else took)
    return min(seconds[1:])


def _flops(count: int) -> float:
    """Operations per token of the model measured with, when so many tokens are one document and all are learned."""
    with TemporaryDirectory() as folder:
        CONFIG.save_pretrained(folder)
        sizes = facts(folder)
    load = Load(sizes, Recipe.model_validate({}), tokens=count, learned=count, evaluated=0, runtime=0)
    one = Work(
        steps=1, micro_batches=1, tokens=count, largest=count, length=count, learned=1.0, held_out=0, evaluated=0
    )
    return duration.training_flops(load, one)
