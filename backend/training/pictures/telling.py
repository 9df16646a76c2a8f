"""What a model that is being trained says of pictures: always the most likely token, one question after the other."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from backend.data.rows import Row, pictures
from backend.jobs import events
from backend.sight.shown import Shown
from backend.training.network.answers import Writer, room
from backend.training.pictures.probes import Probe
from backend.training.pictures.showing import Showing
from backend.training.watch import Watch

LOOKS = "cross_attention_mask"
"""At which pictures each word looks, where a model looks at them from beside its words (Mllama)."""


@dataclass(frozen=True)
class Teller:
    """A model's answers to prompts with pictures."""

    writer: Writer
    showing: Showing

    def answer(self, messages: list[Row], most: int) -> str:
        """In at most so many new tokens."""
        writer = self.writer
        prompt, ends = writer.chat.prompt(messages), set(writer.chat.ends())
        shown = tuple(Path(name) for message in messages for name in pictures(message))
        tokens = torch.tensor([prompt], device=writer.model.device)
        made: list[int] = []
        with torch.no_grad(), torch.autocast(tokens.device.type, torch.bfloat16, enabled=writer.autocast):
            given = Shown(self.showing.looker, self.showing.look, (shown,), (len(prompt),)).given(tokens)
            cache = DynamicCache(config=writer.model.config.get_text_config())
            while len(made) < most:
                token = self._next(tokens, cache, given)
                if token in ends:
                    break
                made.append(token)
                tokens, given = tokens.new_tensor([[token]]), _later(given)
        return str(writer.chat.tokenizer.decode(made, skip_special_tokens=True)).strip()

    def _next(self, tokens: Tensor, cache: DynamicCache, given: dict[str, Any]) -> int:
        model = self.writer.model
        found = model(input_ids=tokens, past_key_values=cache, use_cache=True, logits_to_keep=1, **given)
        return int(found.logits[0, -1].argmax())


def _later(given: dict[str, Any]) -> dict[str, Any]:
    """What the next token is given, after what the tokens before it were given: it sees no picture anew."""
    found = {}
    if LOOKS in given:
        found[LOOKS] = given[LOOKS][:, -1:]
    if "position_ids" in given:
        found["position_ids"] = given["position_ids"].amax().expand(3, 1, 1) + 1
    return found


@dataclass(frozen=True)
class Viewer:
    """Asks about the pictures that were kept apart, and then what the recipe asks."""

    teller: Teller
    probes: tuple[Probe, ...]
    watch: Watch
    others: Callable[[int], None]

    def __call__(self, step: int) -> None:
        if self.probes:
            self.watch.phase("answering")
        most = room(self.teller.writer, [one.expected for one in self.probes])
        for index, probe in enumerate(self.probes):
            answer = self.teller.answer(probe.messages, most)
            self.watch.sample(
                events.Sample(
                    step=step,
                    index=index,
                    question=probe.question,
                    answer=answer,
                    expected=probe.expected,
                    pictures=probe.pictures,
                )
            )
        self.others(step)
