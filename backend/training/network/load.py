"""Loading a base model in the precision this machine is good at, quantised if wanted, and looking into it."""

import logging
from dataclasses import dataclass, replace
from typing import Any

import torch
from bitsandbytes.nn import Linear4bit, Linear8bitLt
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from backend.models import templates
from backend.models.sight.config import PROJECTORS, TOWERS
from backend.recipes.schema import Recipe
from backend.sight import load as sight
from backend.training.network import attention
from backend.training.network.adapter import Network
from backend.training.network.loss import without_head
from backend.training.text.batches import Document, collate

ROUNDED = (Linear4bit, Linear8bitLt)


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


def load_tokenizer(location: str, template: str = "auto") -> PreTrainedTokenizerBase:
    """That of the model, with the chat template of this name unless it is "auto"."""
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(location, trust_remote_code=False)
    if template != "auto":
        tokenizer.chat_template = templates.named(template)
    return tokenizer


def load_base(location: str, recipe: Recipe, device: torch.device, at: torch.device | None = None) -> PreTrainedModel:
    """The base model as it is trained on `device`, from safetensors only, its attention keeping documents apart.

    `at`: where it is put meanwhile, if not there.
    """
    attention.register()
    kind = precision(recipe, device)
    options: dict[str, Any] = {}
    if recipe.method == "qlora":
        whole = (*TOWERS, *PROJECTORS) if sight.looks(location) else ()
        options["quantization_config"] = rounding(recipe, kind.compute, whole)
        options["device_map"] = {"": device}
    if sight.looks(location):
        model: Any = sight.load_model(location, attention.NAME, dtype=kind.weights, **options)
    else:
        model = AutoModelForCausalLM.from_pretrained(
            location,
            dtype=kind.weights,
            attn_implementation=attention.NAME,
            trust_remote_code=False,
            use_safetensors=True,
            **options,
        )
    for module in model.modules():
        # Else bitsandbytes repacks the weight for inference at the first evaluation, and gradients end there.
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False
    placed: PreTrainedModel = model if recipe.method == "qlora" else model.to(at or device)
    return placed


def quantised(model: nn.Module) -> list[Any]:
    """The layers whose weights are really kept in four or in eight bits."""
    return [module for module in model.modules() if isinstance(module, ROUNDED)]


def rounding(recipe: Recipe, compute: torch.dtype, whole: tuple[str, ...] = ()) -> BitsAndBytesConfig:
    """What the recipe says about numbers of few bits, in transformers' words. `whole`: parts that stay as they are,
    for they are small, and what they see is wanted as it is; then the head has to be named too.
    """
    wanted = recipe.quantisation
    kept = {"llm_int8_skip_modules": [*(rf".*\.{part}" for part in whole), "lm_head"]} if whole else {}
    if wanted.kind == "int8":
        # It says of every layer at every step that it does what was asked.
        logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)
        return BitsAndBytesConfig(load_in_8bit=True, **kept)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=wanted.kind,
        bnb_4bit_use_double_quant=wanted.double,
        bnb_4bit_compute_dtype=compute,
        **kept,
    )


@dataclass(frozen=True)
class Head:
    """The output layer. `plain`: logits are `scale * layer(hidden)`, and bent to `cap * tanh(logits / cap)` where
    there is a cap, so the loss can be made in chunks.

    `packed`: documents that stand in one row do not see each other; where they do, each goes through the model alone.
    """

    layer: Any
    plain: bool
    scale: float = 1.0
    cap: float | None = None
    packed: bool = True

    def bend(self, logits: torch.Tensor) -> torch.Tensor:
        scaled = logits * self.scale
        return scaled if self.cap is None else self.cap * torch.tanh(scaled / self.cap)


@torch.no_grad()
def inspect(model: Network) -> Head:
    """Find out how the model makes its logits, and whether packed documents do not see each other.

    Two short documents go through the model together and alone. When the results differ, something in the model runs
    across the row, and it would learn from a mixture of conversations.
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
    with without_head(layer) as given:
        model(**row, use_cache=False)
    hidden = given[0][0]
    model.train(training)
    linear = isinstance(layer, nn.Linear) and hidden.shape[-1] == layer.in_features
    scale, cap = _shape(model.config.get_text_config())
    head = Head(layer, linear, scale, cap, packed=_close(packed, alone))
    if linear:
        logits = nn.functional.linear(hidden.to(layer.weight.dtype), layer.weight, layer.bias)
        head = replace(head, plain=_close(head.bend(logits), packed))
    return head


def _shape(config: Any) -> tuple[float, float | None]:
    """What a config says about logits: Granite divides them, Cohere multiplies them, Gemma 2 bends them."""
    scale = float(getattr(config, "logit_scale", None) or 1.0) / float(getattr(config, "logits_scaling", None) or 1.0)
    return scale, getattr(config, "final_logit_softcapping", None)


def _close(found: torch.Tensor, wanted: torch.Tensor) -> bool:
    """Equal but for rounding, which in bf16 is coarse."""
    tolerance = 1e-3 if wanted.dtype is torch.float32 else 6e-2
    scale = wanted.float().abs().max().clamp(min=1e-6)
    return bool(((found.float() - wanted.float()).abs().max() / scale) < tolerance)
