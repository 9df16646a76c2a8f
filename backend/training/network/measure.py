"""The loss of a model on documents: of one row of them to learn from, and of held-out ones one by one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil, isfinite
from typing import Any

import torch
from torch import Tensor, nn

from backend.jobs.events import Rewards
from backend.training.network.load import Head
from backend.training.network.loss import summed_loss, without_head
from backend.training.text.batches import SHOWN, Batch, Document, collate

EVALUATION_TOKENS = 4096
# Held-out documents whose own loss is told at each evaluation.
MOST_EACH = 200
Collate = Callable[[list[Document]], Batch]


@dataclass(frozen=True)
class Measured:
    """`mean` of all learned tokens (or pairs); `each`: of each document, of evenly spread ones when there are many."""

    mean: float
    each: tuple[float | None, ...]
    rewards: Rewards | None = None


def measured(
    model: Any, held_out: list[Document], head: Head, *, autocast: bool, collate: Collate = collate
) -> Measured:
    """The loss on held-out documents. The model is in evaluation mode and no gradient is wanted."""
    counts = [int(document.learned.sum()) for document in held_out]
    sums: list[float] = []
    for documents in grouped(held_out, EVALUATION_TOKENS):
        row = collate(documents)
        batch = {name: value.to(model.device) if torch.is_tensor(value) else value for name, value in row.items()}
        sizes = counts[len(sums) : len(sums) + len(documents)]
        with torch.autocast(model.device.type, torch.bfloat16, enabled=autocast):
            sums += document_losses(model, batch, sizes, head).tolist()
    means = [loss / max(count, 1) for loss, count in zip(sums, counts, strict=True)]
    spread = means[:: ceil(len(means) / MOST_EACH)]
    each = tuple(round(loss, 5) if isfinite(loss) else None for loss in spread)
    return Measured(sum(sums) / max(sum(counts), 1), each)


def batch_loss(model: nn.Module, batch: dict[str, Any], head: Head) -> Tensor:
    """Cross-entropy summed over the learned positions of one row of documents."""
    found, targets = _outputs(model, batch, head)
    return _summed(found, targets, head)


def document_losses(model: nn.Module, batch: dict[str, Any], sizes: list[int], head: Head) -> Tensor:
    """The same of each document of the row (documents,); `sizes`: how many positions of each are learned."""
    found, targets = _outputs(model, batch, head)
    parts = zip(found.split(sizes), targets.split(sizes), strict=True)
    return torch.stack([_summed(part, wanted, head) for part, wanted in parts])


def _outputs(model: nn.Module, batch: dict[str, Any], head: Head) -> tuple[Tensor, Tensor]:
    """Of the learned positions: hidden states (or logits, where the head is not plain), and their targets."""
    if not head.packed:
        pairs = [_outputs(model, alone, replace(head, packed=True)) for alone in unpacked(batch)]
        return torch.cat([found for found, _ in pairs]), torch.cat([targets for _, targets in pairs])
    positions, targets = batch.pop("positions"), batch.pop("targets")
    if SHOWN in batch:
        batch |= batch.pop(SHOWN).given(batch["input_ids"])
    if not head.plain:
        return model(**batch, use_cache=False, logits_to_keep=positions).logits[0], targets
    with without_head(head.layer) as given:
        model(**batch, use_cache=False, logits_to_keep=positions)
    return given[0][0], targets


def unpacked(batch: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The documents of a row as rows of their own, those in which nothing is learned left out."""
    for at, (begin, end) in enumerate(pairwise(batch["cu_seq_lens_q"].tolist())):
        inside = (batch["positions"] >= begin) & (batch["positions"] < end)
        if inside.any():
            yield {
                "input_ids": batch["input_ids"][:, begin:end],
                "positions": batch["positions"][inside] - begin,
                "targets": batch["targets"][inside],
            } | ({SHOWN: batch[SHOWN].alone(at)} if SHOWN in batch else {})


def _summed(found: Tensor, targets: Tensor, head: Head) -> Tensor:
    if not head.plain:
        return nn.functional.cross_entropy(found.float(), targets, reduction="sum")
    return summed_loss(found, head.layer, targets, scale=head.scale, cap=head.cap)


def grouped(documents: list[Document], tokens: int) -> list[list[Document]]:
    """Neighbours together, up to about `tokens` tokens a group."""
    groups: list[list[Document]] = [[]]
    size = 0
    for document in documents:
        if groups[-1] and size + len(document) > tokens:
            groups.append([])
            size = 0
        groups[-1].append(document)
        size += len(document)
    return groups
