"""Conversations with pictures as tokens, and which of them the model learns to write."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from backend.data.pictures.stored import size_of
from backend.data.rows import Row, pictures
from backend.data.tasks.asking import as_visual
from backend.errors import ModelError
from backend.sight.eyes import Eyes
from backend.training.text.batches import Document
from backend.training.text.chat import PROBE, ChatFormat, Messages


@dataclass(frozen=True)
class Pictured(Document):
    """A document with the files of its pictures, in the order in which they stand in it."""

    pictures: tuple[Path, ...] = ()


@dataclass(frozen=True)
class SightFormat(ChatFormat):
    """A chat template that writes a mark for each picture. What is learned is found by rendering, never by the marks
    of the template: those do not know how many words a picture takes.
    """

    eyes: Eyes = field(kw_only=True)
    parted: bool = True

    @classmethod
    def seeing(cls, tokenizer: PreTrainedTokenizerBase, model: str, eyes: Eyes) -> "SightFormat":
        """ModelError when there is no template, or one that does not say what it is told."""
        plain = ChatFormat.of(tokenizer, model)
        for parted in (True, False):
            found = cls(plain.tokenizer, marked=False, eyes=eyes, parted=parted)
            if all(message["content"] in found._render(PROBE) for message in PROBE):
                return found
        raise ModelError("training.no_chat_template", model=model)

    def _render(self, messages: Messages, **options: Any) -> str:
        told = [{"role": one["role"], "content": self._parts(one["content"])} for one in messages]
        text = super()._render(told, **options)
        shown = [name for message in messages for name in pictures(message)]
        return self.eyes.expanded(text, [size_of(Path(name)) for name in shown])

    def _parts(self, content: Any) -> Any:
        """Templates of vision models take what is said in parts; few take a text as it is, and few nothing else."""
        return [{"type": "text", "text": content}] if self.parted and isinstance(content, str) else content


def looked_at(found: Iterable[Row], chat: SightFormat, max_length: int) -> Iterator[Pictured]:
    """One document per row, cut at `max_length` tokens; left out is one of which nothing to learn, or not the whole of
    a picture, would be left. Pictures are named by their whole paths.
    """
    for number, row in enumerate(found, start=1):
        messages = as_visual(row)["messages"]
        document = chat.document(messages, row=number)
        shown = tuple(Path(name) for message in messages for name in pictures(message))
        cut = Pictured(document.tokens[:max_length], document.learned[:max_length], shown)
        if cut.learned.any() and not _splits(chat, document, max_length):
            yield cut


def _splits(chat: SightFormat, document: Document, max_length: int) -> bool:
    """Whether words of a picture are among those that are cut off."""
    mark = chat.tokenizer.convert_tokens_to_ids(chat.eyes.mark)
    return mark in document.tokens[max_length:].tolist()
