"""Loading a base model in the precision this machine is good at, quantised if wanted, and looking into it."""

from dataclasses import dataclass
from typing import Any

import torch
from bitsandbytes.nn import Linear4bit
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from backend.errors import ModelError
from backend.recipes.schema import Recipe
from backend.training.network import attention
from backend.training.network.adapter import Network
from backend.training.network.loss import without_head
from backend.training.text.batches import Document, collate


@dataclass(frozen=True)
class Precision:
    """`weights`: how the frozen base is kept; `compute`: what products run in. Adapters are fp32 on every path."""

    weights: torch.dtype
    compute: torch.dtype

    @property
    def autocast(self) -> bool:
        return self.compute is torch.bfloat16


def precision(recipe: Recipe, device: torch.device) -> Precision:
    """What the recipe asks for, or what the hardware does well.

    On a CPU that is fp32. Without bf16 instructions bf16 is tens of times slower; with them (avx512_bf16) it was 0.7
    times as fast for a model of 2M parameters and 1.2 times for one of 35M, so a recipe may ask for it. Weights that
    are trained themselves (method "full") stay fp32, for in bf16 a small learning rate does not move them.
    """
    wanted = recipe.compute.precision
    if wanted == "auto":
        wanted = "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    compute = torch.bfloat16 if wanted == "bf16" else torch.float32
    return Precision(torch.float32 if recipe.method == "full" else compute, compute)


def load_tokenizer(location: str) -> PreTrainedTokenizerBase:
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(location, trust_remote_code=False)
    return tokenizer


def load_base(location: str, recipe: Recipe, device: torch.device) -> PreTrainedModel:
    """The base model on `device`, from safetensors only, its attention keeping documents apart."""
    attention.register()
    kind = precision(recipe, device)
    options: dict[str, Any] = {}
    if recipe.method == "qlora":
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type=recipe.quantisation.kind,
            bnb_4bit_use_double_quant=recipe.quantisation.double,
            bnb_4bit_compute_dtype=kind.compute,
        )
        options["device_map"] = {"": device}
    model: Any = AutoModelForCausalLM.from_pretrained(
        location,
        dtype=kind.weights,
        attn_implementation=attention.NAME,
        trust_remote_code=False,
        use_safetensors=True,
        **options,
    )
    for module in quantised(model):
        # Else bitsandbytes repacks the weight for inference at the first evaluation, and gradients end there.
        module.support_avx512bf16_for_cpu = False
    placed: PreTrainedModel = model if recipe.method == "qlora" else model.to(device)
    return placed


def quantised(model: nn.Module) -> list[Any]:
    """The layers whose weights are kept in four bits."""
    return [module for module in model.modules() if isinstance(module, Linear4bit)]


@dataclass(frozen=True)
class Head:
    """The output layer. `plain`: logits are exactly `layer(hidden)`, so the loss can be made in chunks."""

    layer: Any
    plain: bool


@torch.no_grad()
def inspect(model: Network) -> Head:
    """Find out how the model makes its logits, and that packed documents do not see each other.

    Two short documents go through the model together and alone. ModelError when the results differ: then the model
    has a state that runs across the row, and would learn from a mixture of conversations.
    """
    layer = model.get_output_embeddings()
    device = layer.weight.device
    count = layer.weight.shape[0]
    first, second = (torch.arange(length) * 7 % count for length in (9, 6))
    pair = [Document(tokens, torch.arange(len(tokens)) > 0) for tokens in (first, second)]
    row = {name: value.to(device) if torch.is_tensor(value) else value for name, value in collate(pair).items()}
    row = {name: value for name, value in row.items() if name not in ("positions", "targets")}
    training = model.training
    model.eval()
    alone = torch.cat(
        [model(input_ids=tokens.to(device)[None], use_cache=False).logits[0] for tokens in (first, second)]
    )
    packed = model(**row, use_cache=False).logits[0]
    with without_head(layer):
        hidden = model(**row, use_cache=False).logits[0]
    model.train(training)
    if not _close(packed, alone):
        raise ModelError("training.model_mixes", model=model.config.model_type)
    linear = isinstance(layer, nn.Linear) and hidden.shape[-1] == layer.in_features
    return Head(
        layer, linear and _close(nn.functional.linear(hidden.to(layer.weight.dtype), layer.weight, layer.bias), packed)
    )


def _close(found: torch.Tensor, wanted: torch.Tensor) -> bool:
    """Equal but for rounding, which in bf16 is coarse."""
    tolerance = 1e-3 if wanted.dtype is torch.float32 else 6e-2
    scale = wanted.float().abs().max().clamp(min=1e-6)
    return bool(((found.float() - wanted.float()).abs().max() / scale) < tolerance)
