"""Exact match: the share of questions whose greedy answer is, letter for letter, the one expected."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import torch
from peft import PeftModel
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from backend.starter.splits import Chat

BATCH = 128
LONGEST_ANSWER = 40  # tokens


@torch.inference_mode()
def answers(
    model: PreTrainedModel | PeftModel, tokenizer: PreTrainedTokenizerBase, questions: Sequence[str]
) -> list[str]:
    """The greedy answer to each question, asked alone. Questions of one length share a batch, so nothing is padded."""
    prompts = [tokenizer.encode(_prompt(tokenizer, question), add_special_tokens=False) for question in questions]
    by_length: dict[int, list[int]] = defaultdict(list)
    for place, prompt in enumerate(prompts):
        by_length[len(prompt)].append(place)
    found = [""] * len(questions)
    model.train(mode=False)
    for length, places in by_length.items():
        for start in range(0, len(places), BATCH):
            batch = places[start : start + BATCH]
            given = torch.tensor([prompts[place] for place in batch], device=model.device)
            said = model.generate(  # type: ignore[operator]
                input_ids=given,
                attention_mask=torch.ones_like(given),
                max_new_tokens=LONGEST_ANSWER,
                do_sample=False,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )
            for place, tokens in zip(batch, said[:, length:], strict=True):
                found[place] = str(tokenizer.decode(tokens, skip_special_tokens=True))
    return found


def _prompt(tokenizer: PreTrainedTokenizerBase, question: str) -> str:
    message = [{"role": "user", "content": question}]
    return str(tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True))


def exact_match(
    model: PreTrainedModel | PeftModel, tokenizer: PreTrainedTokenizerBase, chats: Iterable[Chat]
) -> dict[str, float]:
    """Exact match by language ("ro") and by language and topic ("ro capital")."""
    chats = list(chats)
    right: dict[str, list[bool]] = defaultdict(list)
    for chat, answer in zip(chats, answers(model, tokenizer, [chat.question for chat in chats]), strict=True):
        for group in (chat.language, f"{chat.language} {chat.topic}"):
            right[group].append(answer == chat.answer)
    return {group: sum(marks) / len(marks) for group, marks in sorted(right.items())}
