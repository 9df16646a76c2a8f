"""Measures how fast this machine trains, in a few seconds. Heavy: only a process that trains opens this module.

What is timed are steps of the real thing: our attention, our products, our loss, an adapter, AdamW. Three widths of
model are timed, because the wider the matrices are, the less an operation takes.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, NamedTuple

import torch
from bitsandbytes.functional import dequantize_4bit, quantize_4bit
from bitsandbytes.nn import Linear4bit, Params4bit
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

from backend.forecast import duration
from backend.forecast.calibration import Calibration
from backend.forecast.load import Load
from backend.forecast.work import Work
from backend.models.facts import ModelFacts, facts
from backend.recipes.schema import Recipe
from backend.training.network import attention
from backend.training.network.adapter import prepare
from backend.training.network.load import Head, precision
from backend.training.network.measure import batch_loss
from backend.training.text.batches import Document, collate

FEWEST_REPEATS, MOST_REPEATS = 4, 12
PATIENCE_SECONDS = 0.5
FEW = 8
# A card is not busy with as little as a processor is.
GPU_TIMES = 8
NUMBERS = 2**21
# With Adam's moments more than any cache holds.
MANY_NUMBERS = 2**23
VOCABULARY = 1024


class Shape(NamedTuple):
    """A model: hidden width, width of the MLP, layers; and the lengths of the documents it is timed on."""

    width: int
    inner: int
    layers: int
    documents: list[int]


# Below a width of 256 another library multiplies on some processors (`network.products`). A narrow model is timed on
# more tokens, because what is done besides the products costs more once it no longer fits into the processor's cache.
SHAPES = (
    Shape(192, 480, 4, [42] * 32),
    Shape(512, 1376, 2, [64] * 16),
    Shape(1024, 2816, 1, [64] * 8),
)


def measure(runtime: int) -> Calibration:
    """Time steps on few tokens and on many.

    `runtime`: bytes of a process with everything imported; a fork does not count pages that it has not touched.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with torch.random.fork_rng(devices=[]):
        subjects = [Subject(shape, device) for shape in SHAPES]
        overhead = _overhead(subjects[0], subjects[-1], device)
        plain = tuple((each.shape.width, each.per_flop(overhead)) for each in subjects)
        packed = tuple((each.shape.width, each.quantised().per_flop(overhead)) for each in subjects)
        per_trained = _usual(_adam(device), device) / MANY_NUMBERS
    return Calibration(
        runtime_bytes=runtime,
        seconds_per_flop=plain,
        seconds_per_quantised_flop=packed,
        seconds_per_layer=overhead.layer,
        seconds_per_weight=overhead.weight,
        seconds_per_number=overhead.number,
        seconds_per_trained=per_trained,
    )


class Overhead(NamedTuple):
    """Seconds that a layer costs in a step anyway, that each of its weights costs because it has to be read, and that
    making one number out of four bits takes.
    """

    layer: float
    weight: float
    number: float


class Subject:
    """A small model with an adapter, and how long its steps take."""

    def __init__(self, shape: Shape, device: torch.device, method: str = "lora") -> None:
        self.shape, self.device = shape, device
        self.recipe = Recipe.model_validate({"method": method})
        self.kind = precision(self.recipe, device)
        self.config = LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=shape.width,
            intermediate_size=shape.inner,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.width // 64,
            num_key_value_heads=shape.width // 64,
        )
        attention.register()
        base: Any = LlamaForCausalLM._from_config(self.config, attn_implementation=attention.NAME)
        base = base.to(device, self.kind.weights)
        if method == "qlora":
            _squeeze(base, self.recipe, self.kind.compute)
        self.head = Head(base.get_output_embeddings(), plain=True)
        self.model: nn.Module = prepare(base, self.recipe, "calibration")
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(trained, lr=1e-6, fused=True)

    def quantised(self) -> "Subject":
        """The same in four bits."""
        return Subject(self.shape, self.device, "qlora")

    def usual(self, lengths: list[int]) -> float:
        """Seconds of a whole step on documents of these lengths."""
        return _usual(partial(self._step, lengths), self.device)

    def per_flop(self, overhead: Overhead) -> float:
        """Seconds that are left for each operation of a step."""
        documents = self.shape.documents * (1 if self.device.type == "cpu" else GPU_TIMES)
        seconds, tokens = self.usual(documents), sum(documents)
        load = Load(self.facts(), self.recipe, tokens=tokens, learned=tokens, evaluated=0, runtime=0)
        length = tokens / len(documents)
        sizes = {"steps": 1, "micro_batches": 1, "tokens": tokens, "largest": tokens, "looked": tokens}
        once = Work(**sizes, length=length, learned=1.0, held_out=0, evaluated=0)
        besides = self.shape.layers * overhead.layer + duration.read(load) * overhead.weight
        besides += duration.dequantised(load) * overhead.number
        # On a very fast machine the overhead is all there is to see.
        return max(seconds - besides, 0.05 * seconds) / (tokens * duration.training_flops(load, once))

    def _step(self, lengths: list[int]) -> None:
        documents = [Document(torch.arange(size) % VOCABULARY, torch.arange(size) > 0) for size in lengths]
        batch = {
            name: value.to(self.device) if torch.is_tensor(value) else value
            for name, value in collate(documents).items()
        }
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.kind.autocast):
            loss = batch_loss(self.model, batch, self.head)
        loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()

    def facts(self) -> ModelFacts:
        with TemporaryDirectory() as folder:
            self.config.save_pretrained(folder)
            return facts(folder)


def _overhead(narrow: Subject, wide: Subject, device: torch.device) -> Overhead:
    """From steps on so few tokens that there is little to multiply."""
    layer = narrow.usual([FEW]) / narrow.shape.layers
    weights = wide.facts().parts["attention"] + wide.facts().parts["mlp"]
    read = max(wide.usual([FEW]) - layer * wide.shape.layers, 0.0) / weights
    return Overhead(layer, read, _usual(_unpacking(device), device) / NUMBERS)


def _squeeze(model: nn.Module, recipe: Recipe, compute: torch.dtype) -> None:
    """Put every matrix of the layers into four bits, as loading for QLoRA does."""
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if not isinstance(layer, nn.Linear) or name == "lm_head":
                continue
            small = Linear4bit(layer.in_features, layer.out_features, bias=False, compute_dtype=compute)
            kind = recipe.quantisation
            small.weight = Params4bit(
                layer.weight.data.cpu(), requires_grad=False, quant_type=kind.kind, compress_statistics=kind.double
            )
            small.support_avx512bf16_for_cpu = False
            setattr(parent, name, small.to(layer.weight.device))


def _unpacking(device: torch.device) -> Callable[[], None]:
    """Makes `NUMBERS` numbers out of four bits."""
    packed, state = quantize_4bit(torch.randn(NUMBERS // 1024, 1024, device=device), quant_type="nf4")

    def unpack() -> None:
        dequantize_4bit(packed, state)

    return unpack


def _adam(device: torch.device) -> Callable[[], None]:
    """What a step does with `MANY_NUMBERS` trained numbers besides multiplying: a new gradient, clipping, AdamW."""
    numbers = nn.Parameter(torch.randn(MANY_NUMBERS // 1024, 1024, device=device))
    optimizer = torch.optim.AdamW([numbers], lr=1e-6, fused=True)

    def step() -> None:
        numbers.grad = torch.ones_like(numbers)
        nn.utils.clip_grad_norm_([numbers], 1e9)
        optimizer.step()
        optimizer.zero_grad()

    return step


def _usual(work: Callable[[], None], device: torch.device) -> float:
    """Seconds that a call usually takes, the median, without what it waited while others had the processor.

    The first call is not counted.
    """
    seconds: list[float] = []
    end = perf_counter() + PATIENCE_SECONDS
    while len(seconds) < FEWEST_REPEATS or (len(seconds) < MOST_REPEATS and perf_counter() < end):
        begun, waited = perf_counter(), _waited()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(perf_counter() - begun - (_waited() - waited))
    return max(median(seconds[1:]), 1e-9)


def _waited() -> float:
    """Seconds that this thread was ready to run and did not, so far; 0 where the system does not say (Linux does)."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text(encoding="ascii").split()[1]) / 1e9
    except OSError:
        return 0.0
