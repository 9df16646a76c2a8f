"""A GGUF file becomes a folder of transformers again: names turned back, rows in their order. Heavy."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gguf import GGUFReader, dequantize, get_tensor_name_map
from transformers import AutoConfig, AutoModelForCausalLM

from backend.errors import ModelError
from backend.export.folder import TOKENIZER, save
from backend.export.gguf.writing import family
from backend.models.facts import ModelFacts, facts


def back(path: Path, model: Path, into: Path) -> None:
    """Fill the folder `into` with the tensors of the file at `path`; config and tokenizer are those of `model`.

    ModelError when the file has not exactly the tensors that such a model has.
    """
    config = AutoConfig.from_pretrained(model, trust_remote_code=False, local_files_only=True)
    made: Any = AutoModelForCausalLM.from_config(config, dtype=torch.float16)
    found = tensors(path, facts(model), list(made.state_dict()))
    missing, unexpected = made.load_state_dict(found, strict=False)
    if unexpected or set(missing) - _tied(made):
        raise ModelError("export.gguf_tensor", tensor=(unexpected or missing)[0])
    save(made, into)
    for name in (*TOKENIZER, "generation_config.json"):
        if (model / name).is_file():
            shutil.copyfile(model / name, into / name)


def tensors(path: Path, known: ModelFacts, names: list[str]) -> dict[str, torch.Tensor]:
    """What the file holds, by the names of transformers, as float16 (vectors as fp32)."""
    arch = family(known.model_type)
    there = get_tensor_name_map(arch, known.layers)
    ours = {there.get_name(name, try_suffixes=(".weight", ".bias")): name for name in names}
    heads = {"attn_q": known.heads, "attn_k": known.kv_heads} if arch.name == "LLAMA" else {}
    found = {}
    for tensor in GGUFReader(path).tensors:
        if tensor.name == "rope_freqs.weight":
            continue  # the config says it too
        values = dequantize(tensor.data, tensor.tensor_type)
        count = next((number for part, number in heads.items() if f".{part}." in tensor.name), None)
        kind = np.float32 if values.ndim < 2 else np.float16
        values = np.ascontiguousarray(halved(values, count) if count else values, dtype=kind)
        found[str(ours.get(tensor.name, tensor.name))] = torch.from_numpy(values)
    return found


def halved(values: np.ndarray[Any, Any], heads: int) -> np.ndarray[Any, Any]:
    """The rows of `backend.export.gguf.writing.paired` in the order that they had."""
    pairs = values.reshape(heads, values.shape[0] // heads // 2, 2, *values.shape[1:])
    return pairs.swapaxes(1, 2).reshape(values.shape)


def _tied(model: Any) -> set[str]:
    """Names of tensors that are another one, and are written once."""
    return set(model.all_tied_weights_keys)
