"""Causal attention in which several documents share one row and never see each other.

The documents of a batch stand one after another in a single row; `cu_seq_lens_q` holds where each begins. Registered
with transformers under `NAME`, so any model that takes an attention function trains without padding: by
`torch.nn.attention.varlen` on a GPU, by one causal call per document on a CPU. Without `cu_seq_lens_q`, as in
generation, it is the ordinary scaled-dot-product attention of transformers.
"""

from collections.abc import Iterator
from inspect import signature
from itertools import pairwise
from typing import Any

import torch
from torch.nn.attention.varlen import varlen_attn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

NAME = "documents"
HALF = (torch.float16, torch.bfloat16)
# torch 2.11 wants as many heads of keys as of queries.
GROUPED: dict[str, Any] = {"enable_gqa": True} if "enable_gqa" in signature(varlen_attn).parameters else {}


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Attention as transformers calls it: query (1, heads, tokens, width) in, (1, tokens, heads, width) out."""
    bounds: torch.Tensor | None = options.pop("cu_seq_lens_q", None)
    bent = options.get("softcap") is not None
    if bounds is None:
        if attention_mask is None and query.shape[2] == key.shape[2]:
            attention_mask = _window(query.shape[2], options.get("sliding_window"), query.device)
        if bent:
            return _bent(query, key, value, attention_mask, options).transpose(1, 2).contiguous(), None
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    if query.is_cuda and not bent:
        dtype = query.dtype if query.dtype in HALF else torch.get_autocast_dtype("cuda")
        if query.dtype in HALF or torch.is_autocast_enabled("cuda"):
            return _on_gpu(query.to(dtype), key.to(dtype), value.to(dtype), bounds, options), None
    return _each_document(query, key, value, bounds, options), None


def _on_gpu(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, bounds: torch.Tensor, options: dict[str, Any]
) -> torch.Tensor:
    longest = int(options["max_length_q"])
    window = options.get("sliding_window")
    queries, keys, values = (states[0].transpose(0, 1).contiguous() for states in (query, key, value))
    shared = query.shape[1] // key.shape[1]
    if shared > 1 and not GROUPED:
        keys, values = keys.repeat_interleave(shared, 1), values.repeat_interleave(shared, 1)
    found = varlen_attn(
        queries,
        keys,
        values,
        bounds,
        bounds,
        longest,
        longest,
        scale=options.get("scaling"),
        window_size=(window - 1 if window else -1, 0),
        **(GROUPED if shared > 1 else {}),
    )
    assert isinstance(found, torch.Tensor)
    return found.unsqueeze(0)


def _each_document(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, bounds: torch.Tensor, options: dict[str, Any]
) -> torch.Tensor:
    grouped = query.shape[1] != key.shape[1]
    found = []
    for begin, end in _pairs(bounds):
        mask = _window(end - begin, options.get("sliding_window"), query.device)
        if options.get("softcap") is not None:
            part = slice(begin, end)
            found.append(_bent(query[:, :, part], key[:, :, part], value[:, :, part], mask, options))
            continue
        found.append(
            scaled_dot_product_attention(
                query[:, :, begin:end],
                key[:, :, begin:end],
                value[:, :, begin:end],
                attn_mask=mask,
                dropout_p=options.get("dropout", 0.0),
                is_causal=mask is None,
                scale=options.get("scaling"),
                enable_gqa=grouped,
            )
        )
    return torch.cat(found, 2).transpose(1, 2).contiguous()


def _bent(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None, options: dict[str, Any]
) -> torch.Tensor:
    """Attention whose scores are bent to stay within `softcap` (Gemma 2, arXiv 2408.00118, section 2).

    No fused kernel does that on every device, so the scores are really made. Without a mask it is causal.
    """
    softcap, groups = float(options["softcap"]), query.shape[1] // key.shape[1]
    keys, values = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    scores = query @ keys.transpose(-1, -2) * (options.get("scaling") or query.shape[-1] ** -0.5)
    scores = softcap * torch.tanh(scores / softcap)
    if mask is None:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=query.device).tril(key.shape[2] - query.shape[2])
    hidden = ~mask if mask.dtype is torch.bool else mask < 0
    weights = scores.float().masked_fill(hidden, torch.finfo(torch.float32).min).softmax(-1).to(value.dtype)
    return torch.nn.functional.dropout(weights, options.get("dropout", 0.0)) @ values


def _pairs(bounds: torch.Tensor) -> Iterator[tuple[int, int]]:
    places: list[int] = bounds.tolist()
    return pairwise(places)


def _window(length: int, window: int | None, device: torch.device) -> torch.Tensor | None:
    """The mask of a model whose tokens see only the `window` latest ones; None where it hides nothing."""
    if not window or length <= window:
        return None
    causal = torch.ones(length, length, dtype=torch.bool, device=device).tril()
    return causal.triu(1 - window)


def _mask(*arguments: Any, **options: Any) -> torch.Tensor | None:
    """No mask while documents are packed (there is no padding to hide), the usual one in generation."""
    if options.get("attention_mask") is None:
        return None
    mask: torch.Tensor | None = sdpa_mask(*arguments, **options)
    return mask


def register() -> None:
    """Make `attn_implementation="documents"` known to transformers; may be called again."""
    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, _mask)
