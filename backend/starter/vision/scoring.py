"""Exact match on pictures: greedy answers through processor and `generate`, as anybody would ask the model."""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from peft import PeftModel
from PIL import Image
from transformers import LlavaForConditionalGeneration, LlavaProcessor

from backend.starter.vision.model import LONGEST_REPLY
from backend.starter.vision.scenes import HARD, SEEN, UNSEEN, Kind, picture, scene
from backend.starter.vision.sentences import DEV_WORDINGS, KINDS, TEST_WORDINGS, TRAINED_WORDINGS, Asked, ask

BATCH = 100
SEEDS = {"dev": 90_001, "test": 90_002}  # of the scenes; a training draws from those of its own seed


@dataclass(frozen=True)
class Exam:
    """What is asked: which scenes, and in which wordings."""

    kind: Kind = SEEN
    wordings: tuple[int, ...] = TRAINED_WORDINGS


EXAMS = {"new scenes": Exam(), "hard scenes": Exam(HARD), "unseen pairs": Exam(UNSEEN)}
NEW_WORDINGS = {"dev": Exam(wordings=DEV_WORDINGS), "test": Exam(wordings=TEST_WORDINGS)}


def questions(
    split: str, exam: Exam, languages: Sequence[str], scenes: int, kinds: Sequence[str] = KINDS
) -> Iterator[tuple[Image.Image, Asked]]:
    """Of each scene one question of each kind and language, where it has one right answer."""
    chance = random.Random(SEEDS[split])
    for _ in range(scenes):
        things = scene(chance, exam.kind)
        image = picture(things, chance)
        for language in languages:
            for kind in kinds:
                asked = ask(things, kind, language, chance, exam.wordings)
                if asked:
                    yield image, asked


@torch.inference_mode()
def replies(
    model: LlavaForConditionalGeneration | PeftModel,
    processor: LlavaProcessor,
    asked: Sequence[tuple[Image.Image, str]],
) -> list[str]:
    """The greedy answer to each question about its picture. Prompts of one length share a batch: nothing is padded."""
    by_length: dict[int, list[int]] = defaultdict(list)
    prompts = [_prompt(processor, question) for _, question in asked]
    for place, prompt in enumerate(prompts):
        by_length[len(processor.tokenizer(prompt)["input_ids"])].append(place)
    found = [""] * len(asked)
    model.train(mode=False)
    for places in by_length.values():
        for start in range(0, len(places), BATCH):
            batch = places[start : start + BATCH]
            images, texts = [asked[place][0] for place in batch], [prompts[place] for place in batch]
            given = processor(images=images, text=texts, return_tensors="pt")
            said = model.generate(  # type: ignore[misc]
                **given, max_new_tokens=LONGEST_REPLY, do_sample=False
            )
            length = given["input_ids"].shape[1]
            for place, tokens in zip(batch, said[:, length:], strict=True):
                found[place] = str(processor.tokenizer.decode(tokens, skip_special_tokens=True))
    return found


def _prompt(processor: LlavaProcessor, question: str) -> str:
    message: Any = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}
    return str(processor.apply_chat_template([message], add_generation_prompt=True))


def exact_match(
    model: LlavaForConditionalGeneration | PeftModel,
    processor: LlavaProcessor,
    asked: Sequence[tuple[Image.Image, Asked]],
) -> dict[str, float]:
    """Exact match by language and kind ("ro colour")."""
    right: dict[str, list[bool]] = defaultdict(list)
    said = replies(model, processor, [(image, one.question) for image, one in asked])
    for (_, one), reply in zip(asked, said, strict=True):
        right[f"{one.language} {one.kind}"].append(reply == one.answer)
    return {group: sum(marks) / len(marks) for group, marks in sorted(right.items())}
