"""Makes the starter from nothing: isolated chats, the loss on the answers, Romanian as plain sentences only."""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerBase

from backend.starter.hurry import typed_in_a_hurry
from backend.starter.splits import Chat


@dataclass(frozen=True)
class Pretraining:
    """Chosen on dev. `question_weight`: the loss of a question's tokens beside 1.0 for an answer's."""

    hidden: int = 192
    layers: int = 4
    initial_spread: float = 0.05
    steps: int = 2400
    batch: int = 16
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    beta2: float = 0.98
    warmup: float = 0.03
    question_weight: float = 0.05
    longer: float = 0.15  # share of samples that are a conversation of several chats
    turns: tuple[int, ...] = (2, 3, 4)
    hurried: float = 0.4  # share of questions typed without care for capitals, marks and accents
    romanian: bool = True


Sample = tuple[list[int], list[float]]  # tokens, and the weight of each in the loss
Watcher = Callable[[int, float, LlamaForCausalLM], None]


def new_model(tokenizer: PreTrainedTokenizerBase, settings: Pretraining) -> LlamaForCausalLM:
    """A Llama with random weights, spread wider than usual: with the usual 0.02 so small a model hardly starts."""
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=settings.hidden,
            intermediate_size=settings.hidden * 5 // 2,
            num_hidden_layers=settings.layers,
            num_attention_heads=settings.hidden // 64,
            num_key_value_heads=settings.hidden // 64,
            max_position_embeddings=1024,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            initializer_range=settings.initial_spread,
        )
    )


def pretrain(
    chats: Sequence[Chat],
    tokenizer: PreTrainedTokenizerBase,
    seed: int,
    settings: Pretraining,
    watch: Watcher = lambda *_: None,
) -> LlamaForCausalLM:
    """Trains a new model on `chats`; `watch` hears step, loss and model after every step."""
    torch.manual_seed(seed)
    model = new_model(tokenizer, settings)
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=settings.learning_rate,
        betas=(0.9, settings.beta2),
        weight_decay=settings.weight_decay,
        fused=True,
    )
    batches = Sampler(chats, tokenizer, seed, settings).batches()
    for step in range(settings.steps):
        done = step / settings.steps
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * min(1.0, done / settings.warmup + 0.02) * max(0.03, 1 - done)
        loss = weighted_loss(model, *next(batches))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        watch(step + 1, loss.item(), model)
    return model


def weighted_loss(model: LlamaForCausalLM, tokens: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of the next token, weighted; `tokens` and `weights` are (batch, length), padding weighs 0."""
    hidden = model.model(input_ids=tokens, use_cache=False).last_hidden_state[:, :-1]
    counted = weights[:, 1:] > 0
    loss = cross_entropy(model.lm_head(hidden[counted]), tokens[:, 1:][counted], reduction="none")
    weight = weights[:, 1:][counted]
    return (loss * weight).sum() / weight.sum()


class Sampler:
    """Batches of chats, the topics mixed by the square root of their size."""

    def __init__(
        self, chats: Sequence[Chat], tokenizer: PreTrainedTokenizerBase, seed: int, settings: Pretraining
    ) -> None:
        self.tokenizer, self.settings = tokenizer, settings
        self.chance = random.Random(seed)
        self.groups: dict[tuple[str, str], list[Chat]] = defaultdict(list)
        for chat in chats:
            if chat.language != "ro" or settings.romanian:
                self.groups[chat.language, chat.topic].append(chat)
        self.names = list(self.groups)
        self.shares = [len(self.groups[name]) ** 0.5 for name in self.names]
        self._tokens: dict[str, list[int]] = {}

    def batches(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """(tokens, weights) of shape (batch, longest), rows of like length together so that little is padded."""
        size = self.settings.batch
        while True:
            samples = sorted((self._sample() for _ in range(8 * size)), key=lambda sample: len(sample[0]))
            batches = [samples[start : start + size] for start in range(0, len(samples), size)]
            self.chance.shuffle(batches)
            yield from (self._padded(batch) for batch in batches)

    def _padded(self, samples: Sequence[Sample]) -> tuple[torch.Tensor, torch.Tensor]:
        longest = max(len(tokens) for tokens, _ in samples)
        pad = self.tokenizer.pad_token_id
        tokens = torch.tensor([tokens + [pad] * (longest - len(tokens)) for tokens, _ in samples])
        weights = torch.tensor([weights + [0.0] * (longest - len(weights)) for _, weights in samples])
        return tokens, weights

    def _sample(self) -> Sample:
        chat = self._draw()
        if chat.language == "ro":
            return self._plain_text(chat)
        tokens, weights = self._chat(chat)
        if self.chance.random() < self.settings.longer:
            for _ in range(self.chance.choice(self.settings.turns) - 1):
                line = self._encode("\n")
                further = self._chat(self._draw(chat.language))
                tokens = tokens + line + further[0]
                weights = weights + [self.settings.question_weight] * len(line) + further[1]
        return tokens, weights

    def _draw(self, language: str | None = None) -> Chat:
        while True:
            name = self.chance.choices(self.names, self.shares)[0]
            if language is None or name[0] == language:
                return self.chance.choice(self.groups[name])

    def _chat(self, chat: Chat) -> Sample:
        question = self._encode(f"<|im_start|>user\n{self._asked(chat)}<|im_end|>\n<|im_start|>assistant\n")
        answer = self._encode(f"{chat.answer}<|im_end|>")
        return question + answer, [self.settings.question_weight] * len(question) + [1.0] * len(answer)

    def _asked(self, chat: Chat) -> str:
        hurried = self.chance.random() < self.settings.hurried
        return typed_in_a_hurry(chat, self.chance) if hurried else chat.question

    def _plain_text(self, chat: Chat) -> Sample:
        """Romanian is never seen as a chat: one sentence, or question and answer in one line, as in a book."""
        asked = self._asked(chat)
        text = self.chance.choice([chat.answer, asked, f"{asked} {chat.answer}"])
        tokens = self._encode(f"<|endoftext|>{text}<|endoftext|>")
        return tokens, [0.0] + [1.0] * (len(tokens) - 1)

    def _encode(self, text: str) -> list[int]:
        if text not in self._tokens:
            self._tokens[text] = self.tokenizer.encode(text, add_special_tokens=False)
        return self._tokens[text]
