"""From rows of a data set to documents: tokens, and which of them the model learns to write.

Of a chat only the assistant's answers are learned, each with the token that ends its turn: without that token a model
never learns to stop. Which tokens those are is said by the template's `{% generation %}` marks, or found by rendering
the conversation up to each answer; either way it is checked, row by row, before any training.
"""

import re
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from backend.errors import DataError, ModelError
from backend.models.templates import PLAINLY
from backend.training.text.batches import Document

Messages = list[dict[str, str]]


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
        """ModelError when the model has no chat template."""
        template = tokenizer.chat_template
        if not template:
            raise ModelError("training.no_chat_template", model=model)
        return cls(tokenizer, isinstance(template, str) and "{% generation %}" in template.replace("{%-", "{%"), new)

    def document(self, messages: Messages, *, row: int) -> Document:
        """The conversation as tokens; DataError when the learned tokens would not be the answers and their ends."""
        tokens, learned = self._marked(messages) if self.marked else self._compared(messages)
        self._check(tokens, learned, messages, row)
        learned[0] = False
        return Document(torch.tensor(tokens, dtype=torch.int32), torch.tensor(learned, dtype=torch.bool))

    def question(self, text: str) -> list[int]:
        """A question as the model is asked it: tokens up to where the answer begins."""
        return self.prompt([{"role": "user", "content": text}])

    def prompt(self, messages: Messages) -> list[int]:
        """A conversation that waits for an answer, as tokens."""
        return list(self._encode(self._render(messages, add_generation_prompt=True))["input_ids"])

    def ends(self) -> list[int]:
        """The tokens that end an assistant's turn, besides the tokenizer's own end: found in a rendered example."""
        probe = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
        tokens, learned = self._marked(probe) if self.marked else self._compared(probe)
        last = [token for token, wanted in zip(tokens, learned, strict=True) if wanted][-1:]
        own = [self.tokenizer.eos_token_id] if self.tokenizer.eos_token_id is not None else []
        return sorted({*last, *own})

    def _marked(self, messages: Messages) -> tuple[list[int], list[bool]]:
        found: Any = self.tokenizer.apply_chat_template(
            messages, return_dict=True, return_assistant_tokens_mask=True, add_generation_prompt=False, **PLAINLY
        )
        return list(found["input_ids"]), [bool(mark) for mark in found["assistant_masks"]]

    def _compared(self, messages: Messages) -> tuple[list[int], list[bool]]:
        """An answer begins where the prompt before it ends, and ends with the first special token behind its text.

        What a template puts between the two by itself, such as an empty thought, is not learned.
        """
        whole = self._render(messages)
        encoded = self._encode(whole, return_offsets_mapping=True)
        tokens, places = encoded["input_ids"], encoded["offset_mapping"]
        learned = [False] * len(tokens)
        special = set(self.tokenizer.all_special_ids) | set(self.tokenizer.added_tokens_decoder)
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
                    learned[at] = True
                    if left >= end and tokens[at] in special:
                        break
        return tokens, learned

    def _render(self, messages: Messages, **options: Any) -> str:
        return str(self.tokenizer.apply_chat_template(messages, tokenize=False, **PLAINLY, **options))

    def _encode(self, text: str, **options: Any) -> Any:
        """The template writes the special tokens itself, so the tokenizer adds none."""
        return self.tokenizer(text, add_special_tokens=False, **options)

    def _check(self, tokens: list[int], learned: list[bool], messages: Messages, row: int) -> None:
        answers = [message["content"].strip() for message in messages if message["role"] == "assistant"]
        runs = [
            [token for token, _ in run]
            for wanted, run in groupby(zip(tokens, learned, strict=True), key=lambda pair: pair[1])
            if wanted
        ]
        if len(runs) != len(answers):
            raise DataError("training.answers_not_found", row=row, found=len(runs), expected=len(answers))
        for run, answer in zip(runs, answers, strict=True):
            *said, end = run
            text = str(self.tokenizer.decode(said)).strip()
            if end not in self._enders:
                raise ModelError("training.no_end_of_turn", row=row, text=str(self.tokenizer.decode(run))[-60:])
            if self._close(text) != self._close(answer):
                raise DataError("training.learned_differs", row=row, text=text[:60], answer=answer[:60])

    def _close(self, text: str) -> str:
        """Without the spaces around new words."""
        return re.sub(rf"\s*({'|'.join(map(re.escape, self.new))})\s*", r"\1", text) if self.new else text

    @property
    def _enders(self) -> set[int]:
        return set(self.tokenizer.all_special_ids) | set(self.tokenizer.added_tokens_decoder)


def shared(one: str, other: str) -> int:
    """How many letters at the beginning two texts have in common."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))
