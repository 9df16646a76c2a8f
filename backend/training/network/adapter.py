"""The LoRA adapter: which layers it goes on, and a shorter way through them while training."""

from functools import partial
from typing import Any

import torch
from peft import EvaConfig, LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import Linear as LoraLinear
from torch import Tensor
from torch.nn.functional import linear
from transformers import PreTrainedModel

from backend.errors import ModelError
from backend.models.sight.config import PROJECTORS, TOWERS
from backend.recipes.schema import Recipe
from backend.training.network.products import quicken
from backend.training.network.targets import narrowest, targets, transposed
from backend.training.text.tokens import NewTokens, exact

Network = PreTrainedModel | PeftModel
# Rounds of the randomised decomposition that finds the strongest part of a matrix: the paper's closest one.
PISSA = "pissa_niter_16"


def prepare(base: PreTrainedModel, recipe: Recipe, location: str, new: NewTokens | None = None) -> Network:
    """What is trained: the base itself (method "full"), or the frozen base with a fresh adapter in fp32, and with it
    the rows of `new` tokens, which the base has already.
    """
    quicken(base)
    if recipe.method == "full":
        return base
    base.requires_grad_(requires_grad=False)
    settings = LoraConfig(
        r=recipe.lora.rank,
        lora_alpha=recipe.lora.alpha,
        lora_dropout=recipe.lora.dropout,
        target_modules=targets(base, recipe.lora.target_modules, seeing(recipe)),
        fan_in_fan_out=transposed(base),
        use_rslora=recipe.lora.rslora,
        use_dora=recipe.lora.dora,
        **_start(base, recipe),
        trainable_token_indices=new.rows(base) if new else None,
        task_type="CAUSAL_LM",
        base_model_name_or_path=location,
    )
    base.name_or_path = location
    torch.manual_seed(recipe.compute.seed)
    model = get_peft_model(base, settings, autocast_adapter_dtype=True)
    assert isinstance(model, PeftModel)
    shorten(model)
    exact(model)
    return model


def _start(base: PreTrainedModel, recipe: Recipe) -> dict[str, Any]:
    """What peft wants to know of how the adapter begins; ModelError when a layer has fewer directions than that.

    With EVA every layer keeps its rank: then a resumed run has the same shapes without looking at the rows again.
    """
    wanted = recipe.lora
    if wanted.start == "zero":
        return {}
    if wanted.rank > (most := narrowest(base, wanted.target_modules, seeing(recipe))):
        raise ModelError("training.rank_too_large", rank=wanted.rank, most=most)
    if wanted.start == "pissa":
        return {"init_lora_weights": PISSA}
    return {"init_lora_weights": "eva", "eva_config": EvaConfig(rho=1.0)}


def seeing(recipe: Recipe) -> tuple[str, ...]:
    """The parts of a model that sees which are adapted beside its language model."""
    if recipe.objective != "vision":
        return ()
    return (*TOWERS * recipe.vision.tower, *PROJECTORS * recipe.vision.projector)


def shorten(model: PeftModel) -> None:
    """Let each plain LoRA layer scale and add its update within one product, instead of in two passes more.

    The result is that of peft but for rounding. Layers of another kind (quantised ones) keep peft's way.
    """
    for layer in model.modules():
        if type(layer) is LoraLinear and not layer.lora_variant:
            layer.forward = partial(_forward, layer)  # type: ignore[method-assign]


def _forward(layer: Any, x: Tensor, *_: Any, **__: Any) -> Tensor:
    """base(x) + scaling * dropout(x) @ A.T @ B.T."""
    result: Tensor = layer.base_layer(x)
    if layer.disable_adapters:
        return result
    name = layer.active_adapters[0]
    down, up = layer.lora_A[name].weight, layer.lora_B[name].weight
    narrow = linear(layer.lora_dropout[name](x).to(down.dtype), down)
    if narrow.dtype is not result.dtype:
        update: Tensor = linear(narrow, up) * layer.scaling[name]
        return (result + update).to(result.dtype)
    flat = torch.addmm(result.flatten(0, -2), narrow.flatten(0, -2), up.to(narrow.dtype).t(), alpha=layer.scaling[name])
    return flat.view(result.shape)
