"""The vision starter's architecture (LLaVA: a CLIP tower, a projector, a Llama), its tokenizer and its processor."""

import random
from collections.abc import Iterator
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    GenerationConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

from backend.starter.tokenizer import ENOUGH, LETTERS
from backend.starter.vision.scenes import CELLS, GRID, SIDE, TRAINED, scene
from backend.starter.vision.sentences import KINDS, LANGUAGES, ask, statement

PAD, USER, ASSISTANT, END, PICTURE = "<|endoftext|>", "<|user|>", "<|assistant|>", "<|end|>", "<image>"
PICTURE_TOKENS = CELLS  # a patch of the tower is a cell of the grid
VOCABULARY = 768
HIDDEN, FEED_FORWARD, HEADS, LAYERS, TOWER_LAYERS = 128, 384, 4, 4, 2
LONGEST = 512  # tokens of a conversation with its pictures
LONGEST_REPLY = 96  # tokens; the longest caption has 70
MEAN, SPREAD = 0.5, 0.25
INITIAL_SPREAD = 0.05
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}{{ '<|assistant|>' }}{% generation %}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}"
    "{% endif %}{{ '<|end|>' }}{% endgeneration %}"
    "{% else %}{{ '<|user|>' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}"
    "{% for part in message['content'] %}{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}"
    "{% endif %}{{ '<|end|>' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def token(tokenizer: PreTrainedTokenizerFast, name: str) -> int:
    """The id of one of the marks above."""
    found = tokenizer.convert_tokens_to_ids(name)
    assert isinstance(found, int)
    return found


def make_tokenizer(seed: int = 0, scenes: int = 4000) -> PreTrainedTokenizerFast:
    """Byte-level BPE learned from sentences of the three languages; every letter of theirs is one token."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, USER, ASSISTANT, END, PICTURE],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    letters = [text for letter in LETTERS for text in [letter] * ENOUGH]
    bpe.train_from_iterator([*_sentences(random.Random(seed), scenes), *letters], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=[USER, ASSISTANT, PICTURE],
        extra_special_tokens={"image_token": PICTURE},
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=LONGEST,
    )


def _sentences(chance: random.Random, scenes: int) -> Iterator[str]:
    for _ in range(scenes):
        things = scene(chance, TRAINED)
        for language in LANGUAGES:
            asked = ask(things, chance.choice(KINDS), language, chance)
            if asked:
                yield asked.question
                yield asked.answer
            yield statement(things, language, chance)


def new_model(tokenizer: PreTrainedTokenizerFast) -> LlavaForConditionalGeneration:
    """Random weights. CLIP's own patch embedding is many times its position embedding at this size, and then places
    are not learned; the two are made alike."""
    config = LlavaConfig(
        vision_config=_tower(),
        text_config=_language(tokenizer),
        image_token_index=token(tokenizer, PICTURE),
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
        projector_hidden_act="gelu",
        image_seq_length=PICTURE_TOKENS,
        tie_word_embeddings=True,
    )
    config.initializer_range = INITIAL_SPREAD
    model = LlavaForConditionalGeneration(config)
    for name, weight in model.model.vision_tower.named_parameters():
        if "position_embedding" in name:
            torch.nn.init.normal_(weight, std=0.7)
        if "patch_embedding" in name:
            weight.data.mul_(0.12)
    model.generation_config = GenerationConfig(
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        do_sample=False,
        max_new_tokens=LONGEST_REPLY,
    )
    return model


def _tower() -> CLIPVisionConfig:
    return CLIPVisionConfig(
        hidden_size=HIDDEN,
        intermediate_size=FEED_FORWARD,
        num_hidden_layers=TOWER_LAYERS,
        num_attention_heads=HEADS,
        image_size=SIDE,
        patch_size=SIDE // GRID,
        projection_dim=HIDDEN // 2,
        initializer_range=INITIAL_SPREAD,
        initializer_factor=2.0,
    )


def _language(tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=HIDDEN,
        intermediate_size=FEED_FORWARD,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        max_position_embeddings=LONGEST,
        initializer_range=INITIAL_SPREAD,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def new_processor(tokenizer: PreTrainedTokenizerFast) -> LlavaProcessor:
    """Any picture becomes one of 96 by 96 pixels, and `<image>` as many tokens as it has cells."""
    pictures = CLIPImageProcessor(
        do_resize=True,
        size={"height": SIDE, "width": SIDE},
        do_center_crop=False,
        do_rescale=True,
        do_normalize=True,
        image_mean=[MEAN] * 3,
        image_std=[SPREAD] * 3,
    )
    return LlavaProcessor(
        pictures,
        tokenizer,
        patch_size=SIDE // GRID,
        vision_feature_select_strategy="default",
        image_token=PICTURE,
        num_additional_image_tokens=1,
        chat_template=CHAT_TEMPLATE,
    )


def load(folder: Path) -> tuple[LlavaForConditionalGeneration, LlavaProcessor]:
    """A saved starter in float32, and its processor."""
    model = LlavaForConditionalGeneration.from_pretrained(
        folder, dtype=torch.float32, trust_remote_code=False, use_safetensors=True, local_files_only=True
    )
    return model, LlavaProcessor.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
