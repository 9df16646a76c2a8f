"""Answers of the model as it stands: always the most likely token, each ended at its end of turn."""

from dataclasses import dataclass
from typing import Any

import torch
from transformers import GenerationConfig

from backend.jobs import events
from backend.recipes.schema import Question
from backend.training.text.chat import ChatFormat
from backend.training.watch import Watch

SHORTEST, LONGEST = 48, 256


@dataclass(frozen=True)
class Writer:
    """Answers several prompts at once."""

    model: Any
    chat: ChatFormat
    autocast: bool

    def answers(self, prompts: list[list[int]], room: int) -> list[str]:
        """What follows each prompt, in at most `room` new tokens."""
        width = max(map(len, prompts))
        ends = self.chat.ends()
        device = self.model.device
        tokens = torch.tensor([[ends[0]] * (width - len(prompt)) + prompt for prompt in prompts], device=device)
        mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=device)
        settings = GenerationConfig(
            do_sample=False, max_new_tokens=room, eos_token_id=ends, pad_token_id=ends[0], use_cache=True
        )
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=self.autocast):
            found = self.model.generate(input_ids=tokens, attention_mask=mask, generation_config=settings)
        return [
            str(self.chat.tokenizer.decode(_until(row, ends), skip_special_tokens=True)).strip()
            for row in found[:, width:].tolist()
        ]

    def tokens(self, text: str) -> int:
        return len(self.chat.tokenizer(text, add_special_tokens=False)["input_ids"])


@dataclass(frozen=True)
class Examiner:
    """Asks the recipe's test questions, all at once; `first` is the number of the first of them."""

    writer: Writer
    questions: tuple[Question, ...]
    watch: Watch
    first: int = 0

    def __call__(self, step: int) -> None:
        if not self.questions:
            return
        self.watch.phase("answering")
        for index, (asked, answer) in enumerate(zip(self.questions, self._answers(), strict=True), self.first):
            self.watch.sample(
                events.Sample(step=step, index=index, question=asked.question, answer=answer, expected=asked.expected)
            )

    def _answers(self) -> list[str]:
        most = room(self.writer, [asked.expected for asked in self.questions])
        return self.writer.answers([self.writer.chat.question(asked.question) for asked in self.questions], most)


def room(writer: Writer, expected: list[str]) -> int:
    """New tokens an answer may have: room for the longest expected one, and half as much again."""
    longest = max(map(writer.tokens, expected), default=0)
    return min(LONGEST, max(SHORTEST, longest * 3 // 2))


def _until(tokens: list[int], ends: list[int]) -> list[int]:
    """The tokens before the first that ends a turn."""
    return tokens[: next((at for at, token in enumerate(tokens) if token in ends), len(tokens))]
