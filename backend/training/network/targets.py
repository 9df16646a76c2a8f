"""Which layers of a model an adapter goes on: found in its structure, whatever its family calls them."""

from collections.abc import Iterator
from typing import Any, Literal

from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from backend.errors import ModelError
from backend.models.sight.config import PROJECTORS, TOWERS, inside

Kind = Literal["all-linear", "attention", "mlp"]
LINEAR = (nn.Linear, Conv1D)
ATTENTION = ("attn", "attention")


def targets(base: PreTrainedModel, kind: Kind, seeing: tuple[str, ...] = ()) -> list[str]:
    """The shortest names by which peft finds the linear layers to adapt, and no others; ModelError when there are none.

    Adapted are layers inside the decoder's blocks: the embeddings and the head are never among them. A layer belongs to
    the attention when a module on its path says so, else to the MLP. Of a model that sees, tower and projector are left
    as they are, but for the parts that are named in `seeing`, of which every linear layer is adapted.
    """
    every = [path for path, _ in base.named_modules()]
    chosen = [path for path in linears(base) if kind == "all-linear" or _in_attention(path) == (kind == "attention")]
    chosen += seeing_linears(base, seeing)
    if not chosen:
        raise ModelError("training.no_layers", kind=kind, model=base.config.model_type)
    return sorted({_shortest(path, every, set(chosen)) for path in chosen})


def seeing_linears(base: nn.Module, seeing: tuple[str, ...]) -> list[str]:
    """Paths of the linear layers inside these of `TOWERS` and `PROJECTORS`; a projector may lie inside a tower."""
    apart = tuple(part for part in PROJECTORS if part not in seeing)
    every = ((path, module) for path, module in base.named_modules() if isinstance(module, LINEAR))
    return [path for path, _ in every if inside(path, seeing) and not inside(path, apart)]


def linears(base: nn.Module) -> Iterator[str]:
    """Paths of the linear layers inside the blocks that the language model repeats."""
    for root, every in _stacks(base):
        yield from (f"{root}.{path}" for path, module in every.named_modules() if isinstance(module, LINEAR))


def blocks(base: nn.Module) -> Iterator[nn.Module]:
    """The blocks that the model repeats."""
    for _, every in _stacks(base):
        yield from every


def _stacks(base: nn.Module) -> Iterator[tuple[str, nn.ModuleList]]:
    """Paths of the lists of blocks, and the lists."""
    layers = getattr(getattr(base, "config", None), "get_text_config", lambda: None)()
    count = getattr(layers, "num_hidden_layers", None)
    for root, every in base.named_modules():
        if isinstance(every, nn.ModuleList) and len(every) == count and not inside(root, TOWERS):
            yield root, every


def transposed(base: PreTrainedModel) -> bool:
    """Whether the layers keep their weights as (inputs, outputs), as GPT-2 does."""
    return any(isinstance(base.get_submodule(path), Conv1D) for path in linears(base))


def _in_attention(path: str) -> bool:
    return any(word in parent for parent in path.split(".")[:-1] for word in ATTENTION)


def _shortest(path: str, every: list[str], chosen: set[str]) -> str:
    """The last part of a path, with as many of those before it as tell it from layers that are not chosen."""
    parts = path.split(".")
    for size in range(1, len(parts)):
        name = ".".join(parts[-size:])
        if {other for other in every if other == name or other.endswith(f".{name}")} <= chosen:
            return name
    return path


def narrowest(base: PreTrainedModel, kind: Kind, seeing: tuple[str, ...] = ()) -> int:
    """The smallest number of inputs or outputs that a layer to adapt has."""
    names = tuple(f".{name}" for name in targets(base, kind, seeing))
    every = (*linears(base), *seeing_linears(base, seeing))
    chosen = (base.get_submodule(path) for path in every if f".{path}".endswith(names))
    return min(min(_sizes(layer)) for layer in chosen)


def _sizes(layer: Any) -> tuple[int, int]:
    return (layer.nx, layer.nf) if isinstance(layer, Conv1D) else (layer.in_features, layer.out_features)
