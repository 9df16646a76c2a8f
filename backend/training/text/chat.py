"""From rows of a data set to documents: tokens, and which of them the model learns to write.

Of a chat only the assistant's answers are learned, each with the token that ends its turn: without that token a model
never learns to stop. Which tokens those are is said by the template's `{% generation %}` marks, or found by rendering
the conversation up to each answer; either way it is checked, row by row, before any training.
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jinja2
import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from backend.errors import DataError, ModelError
from backend.models.templates import PLAINLY
from backend.training.text.batches import Document

Messages = list[dict[str, str]]
TOGETHER = "TOKENIZERS_PARALLELISM"
PROBE = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]


@dataclass(frozen=True)
class ChatFormat:
    """A tokenizer with a chat template; `marked` when the template itself marks what the assistant writes. `new`: words
    that were added to it: some tokenizers write a space beside such a word that was not there.
    """

    tokenizer: PreTrainedTokenizerBase
    marked: bool
    new: tuple[str, ...] = ()

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase, model: str, new: tuple[str, ...] = ()) -> "ChatFormat":
        """ModelError when the model has no chat template, or one that needs a token which its tokenizer lacks."""
        template = tokenizer.chat_template
        if not template:
            raise ModelError("training.no_chat_template", model=model)
        try:
            tokenizer.apply_chat_template(PROBE, tokenize=False, **PLAINLY)
        except jinja2.UndefinedError as error:
            named = re.search(r"'(\w+)'", str(error))
            raise ModelError("training.template_needs", model=model, what=named[1] if named else str(error)) from error
        return cls(tokenizer, isinstance(template, str) and "{% generation %}" in template.replace("{%-", "{%"), new)

    def document(self, messages: Messages, *, row: int) -> Document:
        """The conversation as tokens; DataError when the learned tokens would not be the answers and their ends."""
        return self.documents([messages], first=row)[0]

    def documents(self, every: Sequence[Messages], *, first: int) -> list[Document]:
        """The same of several at once, on all cores; `first`: the row of the first of them."""
        with _together():
            read = self._marked(every) if self.marked else self._compared(every)
        found = []
        for row, (messages, (tokens, mask)) in enumerate(zip(every, read, strict=True), start=first):
            ids, learned = np.array(tokens, dtype=np.int32), np.array(mask, dtype=bool)
            self._check(ids, learned, messages, row)
            learned[0] = False
            found.append(Document(torch.from_numpy(ids), torch.from_numpy(learned)))
        return found

    def question(self, text: str) -> list[int]:
        """A question as the model is asked it: tokens up to where the answer begins."""
        return self.prompt([{"role": "user", "content": text}])

    def prompt(self, messages: Messages) -> list[int]:
        """A conversation that waits for an answer, as tokens."""
        return list(self._encode(self._render(messages, add_generation_prompt=True))["input_ids"])

    def ends(self) -> list[int]:
        """The tokens that end an assistant's turn, besides the tokenizer's own end: found in a rendered example."""
        [(tokens, learned)] = self._marked([PROBE]) if self.marked else self._compared([PROBE])
        last = [token for token, wanted in zip(tokens, learned, strict=True) if wanted][-1:]
        own = [self.tokenizer.eos_token_id] if self.tokenizer.eos_token_id is not None else []
        return sorted({*last, *own})

    def _marked(self, every: Sequence[Messages]) -> list[tuple[list[int], list[int]]]:
        """(tokens, 1 for each that is learned) of each conversation."""
        found: Any = self.tokenizer.apply_chat_template(
            list(every), return_dict=True, return_assistant_tokens_mask=True, add_generation_prompt=False, **PLAINLY
        )
        return list(zip(found["input_ids"], found["assistant_masks"], strict=True))

    def _compared(self, every: Sequence[Messages]) -> list[tuple[list[int], list[int]]]:
        """The same for a template without marks."""
        wholes = [self._render(messages) for messages in every]
        encoded = self._encode(wholes, return_offsets_mapping=True)
        read = zip(every, wholes, encoded["input_ids"], encoded["offset_mapping"], strict=True)
        return [(tokens, self._learned(messages, whole, tokens, places)) for messages, whole, tokens, places in read]

    def _learned(self, messages: Messages, whole: str, tokens: list[int], places: list[tuple[int, int]]) -> list[int]:
        """An answer begins where the prompt before it ends, and ends with the first special token behind its text.

        What a template puts between the two by itself, such as an empty thought, is not learned.
        """
        learned = [0] * len(tokens)
        for index, message in enumerate(messages):
            if message["role"] != "assistant":
                continue
            prompt = self._render(messages[:index], add_generation_prompt=True)
            begin = shared(prompt, whole)
            answer = message["content"].strip()
            found = whole.find(answer, begin)
            if answer and found > begin and not whole[begin:found].isspace():
                begin = found
            end = begin + len(answer)
            for at, (left, right) in enumerate(places):
                if left >= begin and right > left:
                    learned[at] = 1
                    if left >= end and tokens[at] in self._enders:
                        break
        return learned

    def _render(self, messages: Messages, **options: Any) -> str:
        return str(self.tokenizer.apply_chat_template(messages, tokenize=False, **PLAINLY, **options))

    def _encode(self, text: str | list[str], **options: Any) -> Any:
        """The template writes the special tokens itself, so the tokenizer adds none."""
        return self.tokenizer(text, add_special_tokens=False, **options)

    def _check(self, tokens: np.ndarray, learned: np.ndarray, messages: Messages, row: int) -> None:
        answers = [message["content"].strip() for message in messages if message["role"] == "assistant"]
        edges = np.flatnonzero(np.diff(learned, prepend=False, append=False))
        runs = [tokens[begin:end] for begin, end in zip(edges[::2], edges[1::2], strict=True)]
        if len(runs) != len(answers):
            raise DataError("training.answers_not_found", row=row, found=len(runs), expected=len(answers))
        for run, answer in zip(runs, answers, strict=True):
            said, end = run[:-1], run[-1]
            text = str(self.tokenizer.decode(said)).strip()
            if int(end) not in self._enders:
                raise ModelError("training.no_end_of_turn", row=row, text=str(self.tokenizer.decode(run))[-60:])
            if self._close(text) != self._close(answer):
                raise DataError("training.learned_differs", row=row, text=text[:60], answer=answer[:60])

    def _close(self, text: str) -> str:
        """Without the spaces around new words."""
        return re.sub(rf"\s*({'|'.join(map(re.escape, self.new))})\s*", r"\1", text) if self.new else text

    @cached_property
    def _enders(self) -> set[int]:
        return set(self.tokenizer.all_special_ids) | set(self.tokenizer.added_tokens_decoder)


@contextmanager
def _together() -> Iterator[None]:
    """Several texts at once. In jobs that is off, for a process that is forked meanwhile would wait for ever; the
    tokenizers look at it each time.
    """
    before = os.environ.get(TOGETHER)
    os.environ[TOGETHER] = "true"
    try:
        yield
    finally:
        if before is None:
            del os.environ[TOGETHER]
        else:
            os.environ[TOGETHER] = before


def shared(one: str, other: str) -> int:
    """How many letters at the beginning two texts have in common."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))
