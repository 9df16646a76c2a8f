"""Two answers to one conversation as tokens, the better one first."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from backend.data.rows import Row
from backend.training.text.batches import Document
from backend.training.text.chat import ChatFormat, Messages


@dataclass(frozen=True)
class Pair:
    """Tokens of what was asked, and of both answers with the token that ends the turn. `cut`: an answer was longer."""

    prompt: list[int]
    chosen: list[int]
    rejected: list[int]
    cut: bool = False

    @property
    def example(self) -> dict[str, list[int]]:
        """As TRL's collator takes it."""
        return {"prompt_ids": self.prompt, "chosen_ids": self.chosen, "rejected_ids": self.rejected}

    @property
    def document(self) -> Document:
        """The conversation with the better answer, of which only that answer is learned."""
        return self.with_answer(self.chosen)

    def with_answer(self, answer: list[int]) -> Document:
        """The conversation with this answer, of which only it is learned."""
        tokens = self.prompt + answer
        learned = torch.arange(len(tokens)) >= len(self.prompt)
        return Document(torch.tensor(tokens, dtype=torch.int32), learned)


def pairs(found: Iterable[Row], chat: ChatFormat, max_length: int) -> Iterator[Pair]:
    """One for each row, cut at `max_length` tokens; one whose answers are nothing, or the same, up to there is left
    out. DataError or ModelError as for a conversation.
    """
    for number, row in enumerate(found, start=1):
        whole = whole_pair(row, chat, number)
        room = max(0, max_length - len(whole.prompt))
        chosen, rejected = whole.chosen[:room], whole.rejected[:room]
        if chosen != rejected and chosen and rejected:
            yield Pair(whole.prompt, chosen, rejected, cut=max(len(whole.chosen), len(whole.rejected)) > room)


def whole_pair(row: Row, chat: ChatFormat, number: int) -> Pair:
    """Nothing of it is cut. DataError or ModelError as for a conversation."""
    (before, chosen), (other, rejected) = (
        _answer(row["prompt"], row[side], chat, number) for side in ("chosen", "rejected")
    )
    # A tokenizer may join the end of a prompt and the beginning of an answer into one token.
    same = _shared(before, other)
    return Pair(before[:same], before[same:] + chosen, other[same:] + rejected)


def _answer(prompt: Messages, answer: str, chat: ChatFormat, number: int) -> tuple[list[int], list[int]]:
    """(tokens up to the last answer, tokens of this answer up to the end of its turn)."""
    document = chat.document([*prompt, {"role": "assistant", "content": answer}], row=number)
    tokens: list[int] = document.tokens.tolist()
    learned: list[bool] = document.learned.tolist()
    end = len(learned) - learned[::-1].index(True)
    begin = max((at + 1 for at in range(end) if not learned[at]), default=0)
    return tokens[:begin], tokens[begin:end]


def _shared(one: list[Any], other: list[Any]) -> int:
    places = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in places if a != b), min(len(one), len(other)))
