"""What an adapter begins with, where that is more than zeros: PiSSA (arXiv 2404.02948) and EVA (arXiv 2410.07170)."""

import math
import warnings
from collections.abc import Iterator
from copy import copy
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, get_peft_model_state_dict, initialize_lora_eva_weights
from safetensors.torch import save_file
from torch import Tensor

from backend.errors import JobError
from backend.training.network.load import Head
from backend.training.network.measure import unpacked
from backend.training.text.batches import Document, collate

# Directions that have not settled after so many rows never will.
MOST_ROWS = 300
TOKENS_PER_RANK = 8
State = dict[str, Tensor]


class Rows:
    """Rows of documents, around and around, each with so many tokens that a rank can be found in it."""

    def __init__(self, documents: list[Document], rank: int) -> None:
        self._rows = list(_rows(documents, TOKENS_PER_RANK * rank))
        self._rank = rank
        self._given = 0
        if not self._rows:
            raise JobError("training.eva_few", rank=rank)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for row in self._rows:
            self._given += 1
            if self._given > MOST_ROWS:
                raise JobError("training.eva_few", rank=self._rank)
            yield row


def look_at(model: PeftModel, documents: list[Document], rank: int, head: Head, *, autocast: bool) -> None:
    """Let A of every layer begin as the strongest directions of what goes into it; JobError when there is too little
    to see them in.
    """

    def forward(network: Any, row: dict[str, Any]) -> None:
        with torch.no_grad(), torch.autocast(network.device.type, torch.bfloat16, enabled=autocast):
            for part in [row] if head.packed else unpacked(row):
                network(**{name: part[name] for name in part if name not in ("positions", "targets")}, use_cache=False)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the length of a row is a number, and stays where it is
        initialize_lora_eva_weights(
            model,
            Rows(documents, rank),
            forward_fn=forward,
            prepare_model_inputs_fn=None,
            prepare_layer_inputs_fn=lambda states, _, __: states[0].flatten(0, -2).float(),
            show_progress_bar=False,
        )
    plain(model)


def plain(model: PeftModel) -> None:
    """Whoever loads the adapter need not do any of this again."""
    config: Any = model.peft_config["default"]
    config.init_lora_weights, config.eva_config = True, None


def first(model: PeftModel) -> State:
    """What the adapter began with."""
    return {name: value.detach().cpu().clone() for name, value in get_peft_model_state_dict(model).items()}


def save_as_lora(model: PeftModel, begun: State, folder: Path) -> None:
    """Write what PiSSA has learned as an ordinary adapter of twice the rank for the weights as they were.

    W - s B0 A0 + s B A is W + s [B -B0] [A; A0].
    """
    found = {}
    for name, value in get_peft_model_state_dict(model).items():
        if "lora_" not in name:
            found[name] = value.contiguous()
            continue
        before = begun[name].to(value)
        side = [value, before] if "lora_A" in name else [value, -before]
        found[name] = torch.cat(side, int("lora_B" in name)).contiguous()
    config: Any = copy(model.peft_config["default"])
    config.lora_alpha *= math.sqrt(2) if config.use_rslora else 2
    config.r, config.init_lora_weights, config.inference_mode = 2 * config.r, True, True
    config.save_pretrained(str(folder))
    save_file(found, folder / "adapter_model.safetensors", metadata={"format": "pt"})


def _rows(documents: list[Document], tokens: int) -> Iterator[dict[str, Any]]:
    taken: list[Document] = []
    for document in documents:
        taken.append(document)
        if sum(map(len, taken)) >= tokens:
            yield collate(taken)
            taken = []
