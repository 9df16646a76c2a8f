"""Part a, one way of keeping the weights in a process of its own: memory after loading, and while answers are made.

M1 and M2 are the two columns of RoQLlama's memory table (arXiv 2410.04269): the model loaded, and a prompt of 1,000
tokens answered. The model is loaded and asked by what the chat uses.
"""

import random
from pathlib import Path
from typing import Any

import torch

from backend.inference.ask import Ask
from backend.inference.decoding.batch import Batch, Size
from backend.inference.decoding.loaded import Loaded
from backend.inference.decoding.row import Row
from backend.inference.sampling import Sampling
from backend.inference.shelf import Quantised, Target
from benchmarks.card import meter

WAYS: dict[str, Quantised | None] = {
    "16bit": None,
    "nf4": Quantised("nf4", double=False),
    "nf4_double": Quantised("nf4", double=True),
}
PAPER_PROMPT = 1000
NEW_TOKENS = 64


def run(folder: Path, way: str, device: torch.device, *, longest: int, batches: list[int]) -> dict[str, Any]:
    """{"m1": bytes by meter, "m2": {"prompt x batch": bytes by meter}}."""
    gauge = meter.of(device)
    target = Target(name="random", base="random", location=str(folder), quantised=WAYS[way])
    loaded = Loaded(target, device)
    loaded.ends = frozenset()  # random weights may say "the end" at once, and every answer shall be as long
    gauge.reset()
    first = gauge.now()
    lengths = [length for length in (100, 500, PAPER_PROMPT, 2000, 4096) if length + NEW_TOKENS <= longest]
    lengths = lengths or [longest // 2]
    if longest not in lengths and longest > PAPER_PROMPT:
        lengths.append(longest - NEW_TOKENS)
    found = {f"{length}x{many}": asked(loaded, length, many, gauge) for length in lengths for many in batches}
    return {"m1": first, "m2": found}


@torch.inference_mode()
def asked(loaded: Loaded, length: int, many: int, gauge: meter.Meter) -> dict[str, int]:
    """The most memory while `many` prompts of `length` random tokens are answered together."""
    draw = random.Random(length)
    batch = Batch(loaded, Size(rows=many, chunk=8192, cells=many * (length + NEW_TOKENS)))
    for _ in range(many):
        ask = Ask(loaded.target, [], Sampling(max_tokens=NEW_TOKENS))
        prompt = [draw.randrange(3, loaded.model.config.vocab_size) for _ in range(length)]
        batch.waiting.append(Row.of(ask, prompt, loaded))
    gauge.reset()
    while batch.busy:
        batch.turn()
    return gauge.peak()
