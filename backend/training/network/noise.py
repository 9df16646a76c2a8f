"""Noise on what goes into a model while it trains (NEFTune, arXiv 2310.05914).

Each number of a token gets a uniform draw from -s to s, with s = alpha / sqrt(length * width). `length` is that of the
token's own document, though many documents stand in one row.
"""

from typing import Any

import torch
from torch import Tensor

from backend.training.network.adapter import Network


class Noise:
    """Put on a model once; `bounds` say where the documents of the coming row begin, as in `cu_seq_lens_q`."""

    def __init__(self, model: Network, alpha: float) -> None:
        self.bounds = torch.zeros(1, dtype=torch.int32)
        self._alpha = alpha
        self._table: Any = model.get_input_embeddings()
        self._table.register_forward_hook(self._add)

    def _add(self, module: Any, _: Any, embedded: Tensor) -> Tensor | None:
        if not module.training:
            return None
        strength = self._alpha / (self._lengths(embedded) * embedded.shape[-1]).sqrt()
        draw = torch.empty_like(embedded).uniform_(-1, 1)
        return embedded + draw * strength.to(embedded.dtype)[None, :, None]

    def _lengths(self, embedded: Tensor) -> Tensor:
        """Of each token's document, shape (tokens,)."""
        tokens = embedded.shape[1]
        lengths = self.bounds.diff().to(embedded.device)
        if int(self.bounds[-1]) != tokens:  # a document on its own
            return torch.full((tokens,), tokens, device=embedded.device)
        return lengths.repeat_interleave(lengths)
