"""New tokens: words that are read and written as one token each, and whose embeddings are trained.

Only their own rows of the embeddings, and of the head where it is another table, are trained; every other row stays
as it is. A row begins as the mean of the rows of the pieces that the word fell into before, so that a new token means
about what the word meant, and begins the same in every attempt.
"""

from dataclasses import dataclass
from typing import Any

import torch
from tokenizers import AddedToken
from torch import Tensor, nn
from torch.nn.functional import linear
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from backend.errors import ModelError
from backend.models.vocabulary import enlarge

ADAPTER = "default"


@dataclass(frozen=True)
class NewTokens:
    """`ids` of the words, and of the `pieces` that each begins as; `size`: how many tokens there are now."""

    ids: tuple[int, ...]
    pieces: tuple[tuple[int, ...], ...]
    size: int

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase, words: tuple[str, ...]) -> "NewTokens":
        """Teach the tokenizer these words. One that was a token already stays the token it was."""
        before = len(tokenizer)
        pieces = {word: tuple(tokenizer(word, add_special_tokens=False)["input_ids"]) for word in words}
        added = [word for word, parts in pieces.items() if len(parts) != 1]
        tokenizer.add_tokens([AddedToken(word, normalized=False) for word in added])
        known = tokenizer.get_added_vocab()
        ids = {word: parts[0] if len(parts) == 1 else known[word] for word, parts in pieces.items()}
        begun = (pieces[word] if at >= before else (at,) for word, at in ids.items())
        return cls(tuple(ids.values()), tuple(begun), len(tokenizer))

    @torch.no_grad()
    def grow(self, model: PreTrainedModel) -> None:
        """Give the model a row for every token, and so its head where that is a table of its own; ModelError when these
        weights are rounded to few bits.
        """
        enlarge(model, self.size)
        for table in tables(model):
            if not table.weight.is_floating_point():
                raise ModelError("training.tokens_rounded")
            every = list(range(self.size))  # a word that a tokenizer drops altogether means nothing in particular
            begun = [table.weight[list(pieces) or every].float().mean(0) for pieces in self.pieces]
            for row, value in zip(self.ids, begun, strict=True):
                table.weight[row] = value.to(table.weight.dtype)

    def rows(self, model: PreTrainedModel) -> dict[str, list[int]]:
        """What peft is told to train: rows by the name of their table."""
        names = {id(module): name for name, module in model.named_modules()}
        return {names[id(table)]: list(self.ids) for table in tables(model)}


def tables(model: PreTrainedModel) -> list[Any]:
    """The embeddings, and the head where it has weights of its own."""
    table, head = model.get_input_embeddings(), model.get_output_embeddings()
    return [table] if head is None or head.weight is table.weight else [table, head]


def exact(model: nn.Module) -> None:
    """The trained rows in fp32, and a short way to them.

    peft copies the whole table with the new rows in it at every step; here only the rows that are read are put in
    place, and a head writes the columns of the new tokens over those of the old ones. The result is the same.
    """
    for wrapper in model.modules():
        if not hasattr(wrapper, "token_adapter"):
            continue
        layer: Any = wrapper.token_adapter
        rows = layer.trainable_tokens_delta[ADAPTER]
        rows.data = rows.data.float()
        inner = layer.get_base_layer()
        way = _Read(layer, inner) if isinstance(inner, nn.Embedding) else _Write(layer, inner)
        layer.forward = way


@dataclass(frozen=True)
class _Read:
    """Embeddings (…,) -> (…, width) with the trained rows in place of their own."""

    layer: Any
    table: Any

    def __call__(self, ids: Tensor, *_: Any, **__: Any) -> Tensor:
        found: Tensor = self.table(ids)
        if self.layer.disable_adapters:
            return found
        rows, scale = self.layer.trainable_tokens_delta[ADAPTER], self.layer._get_embed_scale()
        match = ids[..., None] == torch.tensor(self.layer.token_indices[ADAPTER], device=ids.device)
        trained = rows[match.int().argmax(-1)] * (1 if scale is None else scale.to(rows))
        return torch.where(match.any(-1, keepdim=True), trained.to(found.dtype), found)


@dataclass(frozen=True)
class _Write:
    """Logits (…, tokens) with those of the trained rows in place of their own."""

    layer: Any
    head: Any

    def __call__(self, hidden: Tensor, *_: Any, **__: Any) -> Tensor:
        logits: Tensor = self.head(hidden)
        if self.layer.disable_adapters:
            return logits
        places = torch.tensor(self.layer.token_indices[ADAPTER], device=logits.device)
        rows = self.layer.trainable_tokens_delta[ADAPTER].to(hidden.dtype)
        bias = None if self.head.bias is None else self.head.bias[places].to(hidden.dtype)
        return logits.index_copy(-1, places, linear(hidden, rows, bias).to(logits.dtype))
