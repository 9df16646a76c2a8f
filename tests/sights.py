"""A tiny model of every family that sees, with the family's own processor, made from its config."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers as hf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

WORDS = [
    "What colour is the circle? It is red.",
    "Ce culoare are cercul? Este roșu.",
    "Che colore ha il cerchio? È rosso.",
]
MARKS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>",
         "<|video_pad|>", "<image>", "<|image|>", "<|begin_of_text|>", "<fake_token_around_image>", "<global-img>",
         "<end_of_utterance>", *(f"<row_{row}_col_{col}>" for row in range(1, 5) for col in range(1, 5))]  # fmt: skip
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{% if message['role'] == 'assistant' %}{% generation %}"
    "{% for part in message['content'] %}{{ part['text'] }}{% endfor %}{{ '<|im_end|>' }}{% endgeneration %}{{ '\\n' }}"
    "{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}MARK{% else %}{{ part['text'] }}{% endif %}{% endfor %}{{ '<|im_end|>\\n' }}"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
LANGUAGE: dict[str, Any] = {
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 2, "pad_token_id": 0, "initializer_range": 0.1,
}  # fmt: skip
CLIP: dict[str, Any] = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 32,
    "patch_size": 8, "projection_dim": 32,
}  # fmt: skip
ROPE = {"rope_type": "default", "rope_theta": 1e4}
Made = tuple[hf.PreTrainedModel, hf.ProcessorMixin]


def tokenizer(mark: str) -> hf.PreTrainedTokenizerFast:
    """Byte-level, with a template that takes what is said in parts."""
    found = Tokenizer(models.BPE())
    found.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    found.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=MARKS, initial_alphabet=alphabet, show_progress=False)
    found.train_from_iterator(WORDS * 20, trainer)
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=found,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        bos_token="<|begin_of_text|>",
        additional_special_tokens=MARKS[1:],
        chat_template=TEMPLATE.replace("MARK", mark),
    )


def _ids(words: hf.PreTrainedTokenizerFast, *names: str) -> dict[str, Any]:
    marks = {
        "image_token_id": "<|image_pad|>",
        "video_token_id": "<|video_pad|>",
        "vision_start_token_id": "<|vision_start|>",
        "vision_end_token_id": "<|vision_end|>",
    }
    return {name: words.convert_tokens_to_ids(mark) for name, mark in marks.items() if name in names or not names}


def llava() -> Made:
    words = tokenizer("<image>")
    pictures = hf.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    processor = hf.LlavaProcessor(
        pictures, words, patch_size=8, vision_feature_select_strategy="default", num_additional_image_tokens=1,
        chat_template=words.chat_template,
    )  # fmt: skip
    config = hf.LlavaConfig(
        vision_config=hf.CLIPVisionConfig(**CLIP),
        text_config=hf.LlamaConfig(vocab_size=len(words), **LANGUAGE),
        image_token_index=words.convert_tokens_to_ids("<image>"),
    )
    return hf.LlavaForConditionalGeneration(config), processor


def llava_next() -> Made:
    words = tokenizer("<image>")
    grids = [[32, 64], [64, 32], [64, 64]]
    pictures = hf.LlavaNextImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}, image_grid_pinpoints=grids
    )
    processor = hf.LlavaNextProcessor(
        pictures, words, patch_size=8, vision_feature_select_strategy="default", num_additional_image_tokens=1,
        chat_template=words.chat_template,
    )  # fmt: skip
    config = hf.LlavaNextConfig(
        vision_config=hf.CLIPVisionConfig(**CLIP),
        text_config=hf.MistralConfig(vocab_size=len(words), **LANGUAGE),
        image_token_index=words.convert_tokens_to_ids("<image>"),
        image_grid_pinpoints=grids,
    )
    return hf.LlavaNextForConditionalGeneration(config), processor


def qwen2_vl() -> Made:
    words, pictures, film = _qwen(8)
    processor = hf.Qwen2VLProcessor(pictures, words, film, chat_template=words.chat_template)
    config = hf.Qwen2VLConfig(
        text_config={"vocab_size": len(words), **LANGUAGE, "rope_parameters": ROPE | {"mrope_section": [4, 6, 6]}},
        vision_config={"depth": 2, "embed_dim": 32, "hidden_size": 64, "num_heads": 2, "mlp_ratio": 2, "patch_size": 8},
        **_ids(words),
    )
    return hf.Qwen2VLForConditionalGeneration(config), processor


def qwen2_5_vl() -> Made:
    words, pictures, film = _qwen(8)
    processor = hf.Qwen2_5_VLProcessor(pictures, words, film, chat_template=words.chat_template)
    config = hf.Qwen2_5_VLConfig(
        text_config={"vocab_size": len(words), **LANGUAGE, "rope_parameters": ROPE | {"mrope_section": [4, 6, 6]}},
        vision_config={
            "depth": 2, "hidden_size": 32, "intermediate_size": 48, "num_heads": 2, "patch_size": 8,
            "out_hidden_size": 64, "window_size": 32, "fullatt_block_indexes": [1],
        },
        **_ids(words),
    )  # fmt: skip
    return hf.Qwen2_5_VLForConditionalGeneration(config), processor


def qwen3_vl() -> Made:
    words, pictures, _ = _qwen(8)
    processor = hf.Qwen3VLProcessor(pictures, words, hf.Qwen3VLVideoProcessor(patch_size=8), words.chat_template)
    config = hf.Qwen3VLConfig(
        text_config={
            "vocab_size": len(words), **LANGUAGE, "head_dim": 32,
            "rope_parameters": ROPE | {"mrope_section": [6, 5, 5], "mrope_interleaved": True},
        },
        vision_config={
            "depth": 2, "hidden_size": 32, "intermediate_size": 48, "num_heads": 2, "patch_size": 8,
            "out_hidden_size": 64, "num_position_embeddings": 64, "deepstack_visual_indexes": [0],
        },
        **_ids(words),
    )  # fmt: skip
    return hf.Qwen3VLForConditionalGeneration(config), processor


def _qwen(patch: int) -> tuple[hf.PreTrainedTokenizerFast, Any, Any]:
    """One merge of 2 x 2 patches is a token: pictures become 4 to 16 of them."""
    words = tokenizer("<|vision_start|><|image_pad|><|vision_end|>")
    area = (2 * patch) ** 2
    pictures = hf.Qwen2VLImageProcessor(patch_size=patch, merge_size=2, min_pixels=4 * area, max_pixels=16 * area)
    return words, pictures, hf.Qwen2VLVideoProcessor(patch_size=patch)


def mllama() -> Made:
    words = tokenizer("<|image|>")
    pictures = hf.MllamaImageProcessor(size={"height": 32, "width": 32}, max_image_tiles=4)
    processor = hf.MllamaProcessor(pictures, words, chat_template=words.chat_template)
    shapes = [[1, 1], [1, 2], [1, 3], [1, 4], [2, 1], [2, 2], [3, 1], [4, 1]]
    config = hf.MllamaConfig(
        vision_config={
            "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_global_layers": 1,
            "attention_heads": 2, "image_size": 32, "patch_size": 8, "vision_output_dim": 96,
            "intermediate_layers_indices": [0, 1], "max_num_tiles": 4, "supported_aspect_ratios": shapes,
        },
        text_config={
            "vocab_size": len(words), **LANGUAGE, "num_hidden_layers": 3, "cross_attention_layers": [1],
            "bos_token_id": words.bos_token_id, "eos_token_id": words.eos_token_id, "rope_parameters": ROPE,
        },
        image_token_index=words.convert_tokens_to_ids("<|image|>"),
    )  # fmt: skip
    model = hf.MllamaForConditionalGeneration(config)
    with torch.no_grad():  # a gate begins at nothing, and a picture would say nothing
        for name, value in model.named_parameters():
            if name.endswith("_gate"):
                value.fill_(1.0)
    return model, processor


def idefics3() -> Made:
    words = tokenizer("<image>")
    pictures = hf.Idefics3ImageProcessor(size={"longest_edge": 64}, max_image_size={"longest_edge": 32})
    processor = hf.Idefics3Processor(pictures, words, image_seq_len=4, chat_template=words.chat_template)
    return hf.Idefics3ForConditionalGeneration(_split(hf.Idefics3Config, words)), processor


def smolvlm() -> Made:
    words = tokenizer("<image>")
    pictures = hf.SmolVLMImageProcessor(size={"longest_edge": 64}, max_image_size={"longest_edge": 32})
    film = hf.SmolVLMVideoProcessor(size={"longest_edge": 64}, max_image_size={"longest_edge": 32})
    for name, mark in {
        "image_token": "<image>", "fake_image_token": "<fake_token_around_image>", "global_image_token": "<global-img>",
        "end_of_utterance_token": "<end_of_utterance>",
    }.items():  # fmt: skip
        setattr(words, name, mark)
    processor = hf.SmolVLMProcessor(pictures, words, film, image_seq_len=4, chat_template=words.chat_template)
    return hf.SmolVLMForConditionalGeneration(_split(hf.SmolVLMConfig, words)), processor


def _split(kind: Any, words: hf.PreTrainedTokenizerFast) -> Any:
    """Pictures are cut into tiles of 4 x 4 patches, of which 2 x 2 become a token."""
    sees = {name: size for name, size in CLIP.items() if name != "projection_dim"}
    return kind(
        vision_config=sees,
        text_config=hf.LlamaConfig(vocab_size=len(words), **LANGUAGE),
        image_token_id=words.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        pad_token_id=0,
    )


FAMILIES: dict[str, Callable[[], Made]] = {
    "llava": llava,
    "llava_next": llava_next,
    "qwen2_vl": qwen2_vl,
    "qwen2_5_vl": qwen2_5_vl,
    "qwen3_vl": qwen3_vl,
    "mllama": mllama,
    "idefics3": idefics3,
    "smolvlm": smolvlm,
}


def build(family: str, folder: Path) -> Path:
    """Save a model of this family with its processor in `folder`."""
    torch.manual_seed(0)
    model, processor = FAMILIES[family]()
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
