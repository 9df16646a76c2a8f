"""What a model sees of pictures: each goes through its tower and projector by itself, and is handed on with the words.

A picture is looked at alone, whatever stands beside it in a batch, so what is seen of it can be kept and used again
to the last bit.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.models.mllama.processing_mllama import (
    convert_sparse_cross_attention_mask_to_dense,
    get_cross_attention_token_mask,
)

from backend.models.sight.config import PROJECTORS, TOWERS, inside
from backend.sight.eyes import Inputs

Features = dict[str, Tensor]
"""Of one picture: "seen" (tokens, width), with "deep.0", "deep.1" ... of the layers that are told more (Qwen3-VL); or
"beside" (tiles, tokens, width) for a model that looks at pictures from beside its words (Mllama). "grid" (3,): time,
height and width in patches, where places are counted in them.
"""
# What the words know of a picture: its place in a grid.
GRID = "image_grid_thw"
DEEP = "deep."


class Looker:
    """The eyes of one model; a model wrapped by peft is looked through."""

    def __init__(self, model: Any) -> None:
        whole: Any = model.get_base_model() if isinstance(model, PeftModel) else model
        self._model: Any = whole.model
        self._config = whole.config
        named = list(whole.named_modules())
        self._parts: list[nn.Module] = [part for name, part in named if name.split(".")[-1] in TOWERS]
        seeing = (*TOWERS, *PROJECTORS)
        self.learns = any(value.requires_grad for name, value in whole.named_parameters() if inside(name, seeing))

    @property
    def beside(self) -> bool:
        """Whether pictures are no words: several documents in one row would then see each other's."""
        return bool(self._config.model_type == "mllama")

    def features(self, inputs: Inputs) -> Features:
        """Of one picture, as `Eyes.inputs` made it; with gradients only where tower or projector are trained."""
        device = next(self._model.parameters()).device
        moved = {name: value.to(device) for name, value in inputs.items()}
        with torch.set_grad_enabled(self.learns and torch.is_grad_enabled()), self._steady():
            found = self._beside(moved) if self.beside else self._seen(moved)
        return found | ({"grid": moved[GRID][0]} if GRID in moved else {})

    def given(self, tokens: Tensor, pictures: Sequence[Sequence[Features]], lengths: Sequence[int]) -> dict[str, Any]:
        """What goes into the model beside the `tokens` (1, length) of one row of documents: of each its length, and the
        pictures it shows. Empty where no document shows any.
        """
        placed = [[_on(tokens.device, one) for one in document] for document in pictures]
        every = [one for document in placed for one in document]
        if not every:
            return {}
        if self.beside:
            return self._looked_beside(tokens, every)
        pooled: Any = tuple(one["seen"] for one in every)
        seen: Any = BaseModelOutputWithPooling(pooler_output=pooled)
        layers = sum(name.startswith(DEEP) for name in every[0])
        seen.deepstack_features = [tuple(one[f"{DEEP}{at}"] for one in every) for at in range(layers)]
        return {"mm_encoder_outputs": {"image": seen}} | self._places(tokens, placed, lengths)

    def _seen(self, inputs: Inputs) -> Features:
        found = self._model.get_image_features(**inputs, return_dict=True)
        pooled = found.pooler_output
        seen = {"seen": torch.cat(list(pooled)) if isinstance(pooled, list | tuple) else pooled.flatten(0, -2)}
        deep = getattr(found, "deepstack_features", None) or ()
        return seen | {f"{DEEP}{at}": torch.cat(list(value)) for at, value in enumerate(deep)}

    def _beside(self, inputs: Inputs) -> Features:
        outer = self._model.vision_model(**inputs).last_hidden_state
        found = self._model.multi_modal_projector(outer)
        tiles = int(inputs["aspect_ratio_mask"].sum())
        return {"beside": found.reshape(-1, *found.shape[-2:]), "tiles": torch.tensor(tiles)}

    def _looked_beside(self, tokens: Tensor, every: Sequence[Features]) -> dict[str, Any]:
        """One document: each of its words looks at the pictures that were shown before it."""
        states = torch.cat([one["beside"] for one in every])
        words: list[int] = tokens[0].tolist()
        mask = convert_sparse_cross_attention_mask_to_dense(
            [get_cross_attention_token_mask(words, self._config.image_token_index)],
            num_tiles=[[int(one["tiles"]) for one in every]],
            max_num_tiles=every[0]["beside"].shape[0],
            length=len(words),
        )
        looks = torch.from_numpy(mask).to(tokens.device)
        return {"cross_attention_states": states, "cross_attention_mask": looks}

    def _places(
        self, tokens: Tensor, pictures: Sequence[Sequence[Features]], lengths: Sequence[int]
    ) -> dict[str, Tensor]:
        """Where each token stands, for a model that counts places in three directions: (3, 1, length)."""
        if not hasattr(self._model, "get_rope_index"):
            return {}
        found = []
        for part, shown in zip(tokens.split(list(lengths), 1), pictures, strict=True):
            if shown:
                kinds = (part == self._config.image_token_id).int()
                grids = torch.stack([one["grid"] for one in shown])
                found.append(self._model.get_rope_index(part, kinds, image_grid_thw=grids)[0])
            else:
                found.append(torch.arange(part.shape[1], device=tokens.device).expand(3, 1, -1))
        return {"position_ids": torch.cat(found, -1)}

    @contextmanager
    def _steady(self) -> Iterator[None]:
        """A tower that is not trained drops nothing out."""
        before = [part.training for part in self._parts]
        if not self.learns:
            for part in self._parts:
                part.eval()
        try:
            yield
        finally:
            for part, training in zip(self._parts, before, strict=True):
                part.train(training)


def _on(device: torch.device, seen: Features) -> Features:
    """What was read back lies in main memory, beside what was seen just now on a card."""
    return {name: value.to(device) for name, value in seen.items()}
