"""Whether an adapter can be put on a model: read from its files, before any of it is loaded."""

import json
import re
from collections import defaultdict
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from backend.errors import AccessError, ModelError
from backend.models import catalogue, vocabulary, weights
from backend.models.catalogue import Model
from backend.models.facts import ModelFacts, facts, read_config
from backend.models.sight.config import sees
from backend.models.weights import Tensor
from backend.paths import Workspace
from backend.people import Person

CONFIG, TENSORS, RECORD = "adapter_config.json", "adapter_model.safetensors", "studio.json"
SUPPORTED = ("LORA",)
LORA = re.compile(r"\.(?:layers|h)\.(?P<layer>\d+)\.(?P<name>\w+\.\w+)\.lora_(?P<side>[AB])(?:\.\w+)?\.weight$")
# A matrix of any block, of the language model or of what sees, from its block on: what stands before has changed names.
PLACE = re.compile(r"\.(?P<place>(?:layers|blocks)\.\d+\.[\w.]+)\.lora_(?P<side>[AB])(?:\.\w+)?\.weight$")
TOKENS = "trainable_tokens_delta"
FLOATS = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}
BF16_NOT_FINITE = 0x7F80
SHOWN = 8


def check(folder: Path, model: Model) -> None:
    """ModelError when the adapter in `folder` is damaged, of an unknown kind, or made for another model."""
    config = _config(folder)
    path = folder / TENSORS
    if not path.is_file():
        unsafe = any(folder.glob("adapter_model.*"))
        raise ModelError("models.no_safetensors") if unsafe else ModelError("models.no_adapter", file=TENSORS)
    if _base(folder).get("sha256", "") not in ("", weights.fingerprint(model.folder)):
        raise ModelError("models.other_base", made_for=_made_for(folder), loaded=model.name)
    tensors = weights.header(path)
    if not _belongs(config, tensors, model.folder):
        raise ModelError("models.other_base", made_for=_made_for(folder), loaded=model.name)
    bad = sum(not finite(path, tensor) for tensor in tensors.values())
    if bad:
        raise ModelError("models.not_finite", bad=bad, total=len(tensors))


def _belongs(config: dict[str, Any], tensors: dict[str, Tensor], model: Path) -> bool:
    """Whether every LoRA matrix has its place in this model; ModelError for layers or tokens that it does not have."""
    if sees(read_config(model)):
        # Every family of models that see is made in its own way: its files say what there is.
        _refuse_missing_layers(config, _named(model))
        known = _widths(model)
        return all(_has_place(name, tensor, known) for name, tensor in tensors.items())
    base = facts(model)
    _refuse_missing_layers(config, [linear.name for linear in base.linears])
    _refuse_other_tokens(config, tensors, base)
    return all(_fits(name, tensor, base) for name, tensor in tensors.items())


def base_of(person: Person, workspace: Workspace, folder: Path) -> Model:
    """The model an adapter was made for; ModelError when this person does not have it. Nothing is fetched."""
    base, config = _base(folder), _config(folder)
    named = str(base.get("id") or config.get("base_model_name_or_path") or "")
    every = catalogue.available(person, workspace)
    # The weights say more than a name: on another computer the same model has another id and place.
    hashed = base.get("sha256")
    by_weights = (model for model in every if hashed and weights.fingerprint(model.folder) == hashed)
    by_name = (model for model in every if named in (model.id, model.source, model.location))
    for model in chain(by_weights, by_name):
        return model
    for words in filter(None, (named, Path(named).name, str(base.get("name") or ""))):
        with suppress(AccessError):
            return catalogue.find(person, workspace, words)
    raise ModelError("models.base_missing", name=_made_for(folder))


def record(folder: Path) -> dict[str, Any]:
    """What the studio wrote about an adapter (`backend.training.outcome`); {} for one from elsewhere."""
    return _json(folder / RECORD) if (folder / RECORD).is_file() else {}


def finite(path: Path, tensor: Tensor) -> bool:
    """Whether every number of a tensor is finite; types that are not floating point always are."""
    if tensor.dtype != "BF16" and tensor.dtype not in FLOATS:
        return True
    count = (tensor.end - tensor.start) * 8 // weights.BITS[tensor.dtype]
    if not count:
        return True
    kind = FLOATS.get(tensor.dtype, "<u2")
    numbers = np.memmap(path, dtype=kind, mode="r", offset=tensor.start, shape=(count,))
    if tensor.dtype == "BF16":
        return not bool(((numbers & BF16_NOT_FINITE) == BF16_NOT_FINITE).any())
    return bool(np.isfinite(numbers).all())


def _config(folder: Path) -> dict[str, Any]:
    if not (folder / CONFIG).is_file():
        raise ModelError("models.no_adapter", file=CONFIG)
    config = _json(folder / CONFIG)
    kind = str(config.get("peft_type", ""))
    if kind not in SUPPORTED:
        raise ModelError("models.adapter_type", type=kind[:60])
    return config


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelError("models.bad_config", file=path.name, line=getattr(error, "lineno", 1)) from error
    if not isinstance(found, dict):
        raise ModelError("models.bad_config", file=path.name, line=1)
    return found


def _base(folder: Path) -> dict[str, Any]:
    """What the studio wrote about the base model; {} for an adapter from elsewhere."""
    base = record(folder).get("base", {})
    return base if isinstance(base, dict) else {}


def _made_for(folder: Path) -> str:
    named = _base(folder).get("name") or _json(folder / CONFIG).get("base_model_name_or_path") or "?"
    return str(named).rstrip("/")[-100:]


def _refuse_missing_layers(config: dict[str, Any], available: list[str]) -> None:
    targets = config.get("target_modules") or []
    if not isinstance(targets, list):
        return  # a pattern; the names of the tensors are looked at instead
    known = {*(name.rsplit(".", 1)[-1] for name in available), "lm_head", "embed_tokens"}
    missing = [str(name) for name in targets if str(name).rsplit(".", 1)[-1] not in known]
    if missing:
        layers = ", ".join(sorted(missing)[:SHOWN])
        raise ModelError("models.no_such_layers", layers=layers, available=", ".join(available))


def _refuse_other_tokens(config: dict[str, Any], tensors: dict[str, Tensor], base: ModelFacts) -> None:
    """ModelError unless there is one trained row of the base's width for each token, and no gap before new tokens."""
    for table, places in vocabulary.tokens(config).items():
        found = [tensor for name, tensor in tensors.items() if f".{table}." in f".{name}" and TOKENS in name]
        shapes = [(len(places), base.hidden_size)]
        new = sum(token >= base.vocab_size for token in places)
        if [tensor.shape for tensor in found] != shapes or max(places, default=0) >= base.vocab_size + new:
            raise ModelError("models.other_tokens")


def _fits(name: str, tensor: Tensor, base: ModelFacts) -> bool:
    """Whether a LoRA matrix has the width of the matrix it is for; other tensors are left to the loader."""
    found = LORA.search(name)
    if found is None:
        return True
    linear = next((linear for linear in base.linears if f".{found['name']}".endswith(f".{linear.name}")), None)
    if linear is None or int(found["layer"]) >= base.layers or len(tensor.shape) != 2:
        return False
    return tensor.shape[1] == linear.inputs if found["side"] == "A" else tensor.shape[0] == linear.outputs


def _named(model: Path) -> list[str]:
    """What the matrices of a model are called, wherever they are."""
    every = (item for path in weights.files(model) for item in weights.header(path).items())
    return sorted({name.split(".")[-2] for name, tensor in every if name.endswith(".weight") and len(tensor.shape) > 1})


def _widths(model: Path) -> dict[str, list[Tensor]]:
    """The matrices in the blocks of a model, by what `PLACE` calls them."""
    found = defaultdict(list)
    for path in weights.files(model):
        for name, tensor in weights.header(path).items():
            if (place := re.search(r"\.((?:layers|blocks)\.\d+\..+)\.weight$", f".{name}")) is not None:
                found[place[1]].append(tensor)
    return found


def _has_place(name: str, tensor: Tensor, known: dict[str, list[Tensor]]) -> bool:
    """Whether there is a matrix of this width; one that is rounded in its file says none. Others as `_fits`."""
    found = PLACE.search(name)
    if found is None:
        return True
    side = 1 if found["side"] == "A" else 0
    return len(tensor.shape) == 2 and any(
        (one.dtype not in FLOATS and one.dtype != "BF16") or one.shape[side : side + 1] == tensor.shape[side : side + 1]
        for one in known.get(found["place"], ())
    )
