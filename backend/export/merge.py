"""One model out of a base and an adapter: what was trained is added to the weights. Heavy.

The adapter is fp32 on every path, and each matrix is added to in fp32 and rounded once.
"""

import warnings
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils.other import AuxiliaryTrainingWrapper, ModulesToSaveWrapper
from torch import nn
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, PreTrainedModel
from transformers.pytorch_utils import Conv1D
from transformers.utils import logging as transformers_logging

from backend.errors import ModelError
from backend.inference.decoding.loaded import four_bits
from backend.inference.shelf import Quantised
from backend.models.sight.config import PROJECTORS, TOWERS
from backend.models.vocabulary import enlarge, rows
from backend.sight.load import looks


def merged(
    base: Path, adapter: Path | None, *, dtype: torch.dtype, rounded: Quantised | None = None
) -> PreTrainedModel:
    """The model in `base` with the adapter in its weights, on the CPU.

    `rounded`: the weights of the base are first rounded as QLoRA rounded them, and the adapter is added to that.
    `adapter` None: the base itself in this precision. ModelError when the result holds numbers that are not finite.
    """
    transformers_logging.disable_progress_bar()
    model = load(base, dtype, rounded)
    if adapter is not None:
        model = add(model, adapter)
    _require_finite(model, dtype)
    return model


def load(base: Path, dtype: torch.dtype, rounded: Quantised | None = None) -> PreTrainedModel:
    """The base model with no layer quantised: four-bit weights, its own or asked for, become what they stand for."""
    kind, sees = torch.float32 if rounded else dtype, looks(base)
    # As in training: what sees is not rounded.
    whole = (*TOWERS, *PROJECTORS) if sees else ()
    options = {"quantization_config": four_bits(rounded, kind, whole)} if rounded else {}
    opener: Any = AutoModelForImageTextToText if sees else AutoModelForCausalLM
    model: Any = opener.from_pretrained(
        base, dtype=kind, trust_remote_code=False, use_safetensors=True, local_files_only=True, **options
    )
    if getattr(model, "hf_quantizer", None) is not None:
        model.dequantize(dtype=dtype)
        if not sees:
            _turn_back(model)
    plain: PreTrainedModel = model.to(dtype).requires_grad_(requires_grad=False).eval()
    return plain


def _turn_back(model: PreTrainedModel) -> None:
    """GPT-2 keeps its matrices the other way round (Conv1D); quantised and back they were left as Linear's are."""
    with torch.device("meta"):
        built = AutoModelForCausalLM.from_config(model.config, trust_remote_code=False)
    for name, layer in built.named_modules():
        found = model.get_submodule(name)
        if isinstance(layer, Conv1D) and isinstance(found, nn.Linear):
            turned = Conv1D(found.out_features, found.in_features)
            turned.weight = nn.Parameter(found.weight.detach().T.contiguous(), requires_grad=False)
            turned.bias = nn.Parameter(found.bias.detach(), requires_grad=False)
            model.set_submodule(name, turned)


def add(model: PreTrainedModel, adapter: Path) -> PreTrainedModel:
    """Put the adapter in `adapter` into the weights of the model, which is changed."""
    enlarge(model, rows(adapter))
    tied = is_tied(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft advises against what is done with care here: tied weights, merging again
        held = PeftModel.from_pretrained(model, str(adapter), is_trainable=False)
        if tied:
            _part(model)
        for layer in held.modules():
            if isinstance(layer, BaseTunerLayer):
                _add_in_fp32(layer)
        whole: Any = held.merge_and_unload()
    if tied:
        _join(whole)
    result: PreTrainedModel = whole.requires_grad_(requires_grad=False)
    return result


def is_tied(model: PreTrainedModel) -> bool:
    """Whether the output head is the table of embeddings."""
    head, table = model.get_output_embeddings(), model.get_input_embeddings()
    return head is not None and head.weight is table.weight


def _add_in_fp32(layer: Any) -> None:
    weight = getattr(layer.get_base_layer(), "weight", None)
    if weight is None:
        layer.merge()
        return
    kind = weight.dtype
    weight.data = weight.data.float()
    layer.merge()
    merged_weight = layer.get_base_layer().weight
    merged_weight.data = merged_weight.data.to(kind)


def _part(model: PreTrainedModel) -> None:
    """Give the head weights of its own before anything is added: what was trained on one side is not the other's."""
    head = _innermost(model.get_output_embeddings())
    head.weight = nn.Parameter(head.weight.detach().clone(), requires_grad=False)


def _innermost(module: Any) -> Any:
    if isinstance(module, ModulesToSaveWrapper):
        return _innermost(module.original_module)
    if isinstance(module, AuxiliaryTrainingWrapper):
        return _innermost(module.token_adapter)
    return module.get_base_layer() if isinstance(module, BaseTunerLayer) else module


def _join(model: PreTrainedModel) -> None:
    """One table again when both sides are still equal; else the config says that there are two."""
    head: Any = model.get_output_embeddings()
    table: Any = model.get_input_embeddings()
    same = torch.equal(head.weight, table.weight)
    if same:
        head.weight = table.weight
    for config in (model.config, model.config.get_text_config()):
        config.tie_word_embeddings = same


def _require_finite(model: PreTrainedModel, dtype: torch.dtype) -> None:
    for name, weight in model.named_parameters():
        if not torch.isfinite(weight).all():
            raise ModelError("export.not_finite", tensor=name, dtype=str(dtype).removeprefix("torch."))
