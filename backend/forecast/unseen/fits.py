"""Whether a model fits this machine, before anything of it is here: for LoRA, for QLoRA, and to chat with."""

import math
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Literal

from backend.forecast.besides.departures import quantised_bytes
from backend.forecast.calibration import CPU_RUNTIME_BYTES, Calibration
from backend.forecast.estimate import GPU_RUNTIME_BYTES, estimate
from backend.forecast.lengths import Lengths
from backend.forecast.load import BF16, FP32
from backend.hardware import Machine
from backend.models.facts import ModelFacts, of_config
from backend.recipes.schema import Batch, Compute, Recipe

Way = Literal["lora", "qlora", "chat"]
WAYS: tuple[Way, ...] = ("lora", "qlora", "chat")
# What is asked is the least: rows of this many tokens one at a time, activations made again where that saves memory,
# everything else as a recipe begins.
TOKENS = 1024
ROWS = 1000
SMALLEST = Batch(size=1, accumulation=4, max_length=TOKENS)
SPARING = Compute(gradient_checkpointing="on")
# A Llama of 7 billion has 128 numbers of width for each of its layers, as others of its time about do.
WIDTH_OF_A_LAYER = 128
VOCABULARY = 64_000
MOST_LAYERS = 200


@dataclass(frozen=True)
class Fit:
    """Bytes: what must be free, what is free now, and all the memory of the device."""

    needs: int
    free: int
    total: int

    @property
    def answer(self) -> Literal["yes", "later", "no"]:
        """`later`: once something else has let go of its memory."""
        return "yes" if self.needs <= self.free else "later" if self.needs <= self.total else "no"


def fits(facts: ModelFacts, machine: Machine, known: Calibration | None, *, rounded: bool = False) -> dict[Way, Fit]:
    """`rounded`: the weights are in 4 bits already, so LoRA finds what QLoRA would make of them."""
    found: dict[Way, Fit] = {}
    methods: dict[Way, Literal["lora", "qlora"]] = {"lora": "qlora" if rounded else "lora", "qlora": "qlora"}
    for way, method in methods.items():
        recipe = Recipe(title={}, about={}, provenance={}, cards={}, method=method, batch=SMALLEST, compute=SPARING)
        forecast = estimate(facts, recipe, Lengths(ROWS, (TOKENS,), learned=1.0), machine, known)
        found[way] = Fit(forecast.needs, forecast.free_bytes, forecast.device_bytes)
    return found | {"chat": replace(found["lora"], needs=chatting(facts, machine, rounded=rounded))}


def chatting(facts: ModelFacts, machine: Machine, *, rounded: bool = False) -> int:
    """Bytes of the engine with this model and one conversation of `TOKENS` tokens.

    On a CPU everything is fp32, weights that were rounded included; on a card it is 16 bits, or the 4 they have.
    """
    gpu = bool(machine.gpus)
    number = BF16 if gpu else FP32
    inside = facts.parts["attention"] + facts.parts["mlp"]
    packed = quantised_bytes(inside, double=False) if rounded and gpu else inside * number
    weights = packed + (facts.parameters - inside) * number
    cache = 2 * TOKENS * facts.layers * facts.kv_heads * facts.head_dim * number
    return (GPU_RUNTIME_BYTES if gpu else CPU_RUNTIME_BYTES) + weights + cache


@lru_cache(maxsize=256)
def typical(parameters: float) -> ModelFacts:
    """A model of this size as such models usually are: for "about", while its own config.json is not known.

    A Llama whose width is 128 for each layer; its parts are scaled so that it has exactly so many parameters.
    """
    found = min(_shapes(), key=lambda one: abs(math.log(one.parameters / parameters)))
    share = parameters / found.parameters
    return replace(found, parts={name: round(count * share) for name, count in found.parts.items()})


@cache
def _shapes() -> tuple[ModelFacts, ...]:
    return tuple(_shape(layers) for layers in range(2, MOST_LAYERS))


def _shape(layers: int) -> ModelFacts:
    width = WIDTH_OF_A_LAYER * layers
    return of_config(
        {
            "model_type": "llama",
            "hidden_size": width,
            "intermediate_size": 8 * width // 3,
            "num_hidden_layers": layers,
            "num_attention_heads": layers,
            "vocab_size": VOCABULARY,
            "torch_dtype": "bfloat16",
        }
    )
