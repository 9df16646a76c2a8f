"""Models that see, for the forecast: random weights of their own class with their own processor."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers as hf

from backend.paths import SHIPPED_MODELS

STARTER = SHIPPED_MODELS / "starter"
# In the starter's vocabulary.
MARK, FILM, BEGIN, END = "<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>"
TILES = [
    "<image>",
    "<|image|>",
    "<fake_token_around_image>",
    "<global-img>",
    *(f"<row_{a}_col_{b}>" for a in range(1, 5) for b in range(1, 5)),
]
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}MARK{% else %}{{ part['text'] }}{% endif %}{% endfor %}"
    "{{ '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
ROPE = {"rope_type": "default", "rope_theta": 1e4}
SHAPES = [[1, 1], [1, 2], [1, 3], [1, 4], [2, 1], [2, 2], [3, 1], [4, 1]]
GRIDS = [[224, 448], [448, 224], [448, 448]]
Made = tuple[hf.PreTrainedModel, hf.ProcessorMixin]


def language(hidden: int, inner: int, layers: int, vocabulary: int = 4200) -> dict[str, Any]:
    """Of a Llama with heads that are 64 wide."""
    heads = hidden // 64
    return {
        "vocab_size": vocabulary, "hidden_size": hidden, "intermediate_size": inner, "num_hidden_layers": layers,
        "num_attention_heads": heads, "num_key_value_heads": heads, "pad_token_id": 0, "bos_token_id": 1,
        "eos_token_id": 2, "max_position_embeddings": 4096,
    }  # fmt: skip


def clip(width: int, layers: int, edge: int) -> dict[str, Any]:
    """A tower of patches of 14 x 14 pixels, with heads that are 64 wide."""
    return {
        "hidden_size": width, "intermediate_size": 4 * width, "num_hidden_layers": layers, "image_size": edge,
        "num_attention_heads": width // 64, "patch_size": 14, "projection_dim": 64,
    }  # fmt: skip


def words(mark: str = MARK, picture: str = MARK) -> hf.PreTrainedTokenizerFast:
    """The starter's tokenizer with a template that takes what is said in parts, and writes `mark` for a picture; of it
    `picture` is the word that is repeated.
    """
    found = hf.PreTrainedTokenizerFast(
        tokenizer_file=str(STARTER / "tokenizer.json"),
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        bos_token="<|im_start|>",
        extra_special_tokens={"image_token": picture, "video_token": FILM},
        chat_template=TEMPLATE.replace("MARK", mark),
    )
    found.add_tokens(TILES, special_tokens=True)
    return found


def number(told: hf.PreTrainedTokenizerFast, mark: str = MARK) -> int:
    """Of the word that stands for a picture."""
    found = told.convert_tokens_to_ids(mark)
    assert isinstance(found, int)
    return found


def llava(text: dict[str, Any], width: int, layers: int, edge: int) -> Made:
    told = words()
    pictures = hf.CLIPImageProcessor(size={"shortest_edge": edge}, crop_size={"height": edge, "width": edge})
    config = hf.LlavaConfig(
        vision_config=hf.CLIPVisionConfig(**clip(width, layers, edge)),
        text_config=hf.LlamaConfig(**text),
        image_token_index=number(told),
    )
    processor = hf.LlavaProcessor(pictures, told, **_strategy(told))
    return hf.LlavaForConditionalGeneration(config), processor


def llava_next(text: dict[str, Any], width: int, layers: int, edge: int) -> Made:
    told = words()
    pictures = hf.LlavaNextImageProcessor(
        size={"shortest_edge": edge}, crop_size={"height": edge, "width": edge}, image_grid_pinpoints=GRIDS
    )
    config = hf.LlavaNextConfig(
        vision_config=hf.CLIPVisionConfig(**clip(width, layers, edge)),
        text_config=hf.MistralConfig(**text, head_dim=64),
        image_token_index=number(told),
        image_grid_pinpoints=GRIDS,
    )
    processor = hf.LlavaNextProcessor(pictures, told, **_strategy(told))
    return hf.LlavaNextForConditionalGeneration(config), processor


def _strategy(told: hf.PreTrainedTokenizerFast) -> dict[str, Any]:
    return {
        "patch_size": 14, "vision_feature_select_strategy": "default", "num_additional_image_tokens": 1,
        "image_token": MARK, "chat_template": told.chat_template,
    }  # fmt: skip


def qwen2_vl(text: dict[str, Any], width: int, layers: int, edge: int) -> Made:
    told, pictures, film = _qwen(edge)
    config = hf.Qwen2VLConfig(
        text_config=text | {"rope_parameters": ROPE | {"mrope_section": [8, 12, 12]}},
        vision_config={
            "depth": layers, "embed_dim": width, "num_heads": width // 64, "mlp_ratio": 4, "patch_size": 14,
            "hidden_size": text["hidden_size"],
        },
        **_ids(told),
    )  # fmt: skip
    processor = hf.Qwen2VLProcessor(pictures, told, film, chat_template=told.chat_template)
    return hf.Qwen2VLForConditionalGeneration(config), processor


def qwen2_5_vl(text: dict[str, Any], width: int, layers: int, edge: int) -> Made:
    told, pictures, film = _qwen(edge)
    config = hf.Qwen2_5_VLConfig(
        text_config=text | {"rope_parameters": ROPE | {"mrope_section": [8, 12, 12]}},
        vision_config={
            "depth": layers, "hidden_size": width, "intermediate_size": 3 * width, "num_heads": width // 64,
            "patch_size": 14, "out_hidden_size": text["hidden_size"], "fullatt_block_indexes": [layers - 1],
        },
        **_ids(told),
    )  # fmt: skip
    processor = hf.Qwen2_5_VLProcessor(pictures, told, film, chat_template=told.chat_template)
    return hf.Qwen2_5_VLForConditionalGeneration(config), processor


def qwen3_vl(text: dict[str, Any], width: int, layers: int, edge: int) -> Made:
    told, pictures, _ = _qwen(edge)
    rope = ROPE | {"mrope_section": [12, 10, 10], "mrope_interleaved": True}
    config = hf.Qwen3VLConfig(
        text_config=text | {"head_dim": 64, "rope_parameters": rope},
        vision_config={
            "depth": layers, "hidden_size": width, "intermediate_size": 4 * width, "num_heads": width // 64,
            "patch_size": 14, "out_hidden_size": text["hidden_size"], "deepstack_visual_indexes": [1, 2],
        },
        **_ids(told),
    )  # fmt: skip
    processor = hf.Qwen3VLProcessor(pictures, told, hf.Qwen3VLVideoProcessor(patch_size=14), told.chat_template)
    return hf.Qwen3VLForConditionalGeneration(config), processor


def _qwen(edge: int) -> tuple[hf.PreTrainedTokenizerFast, Any, Any]:
    told = words(f"{BEGIN}{MARK}{END}")
    pictures = hf.Qwen2VLImageProcessor(patch_size=14, merge_size=2, min_pixels=56 * 56, max_pixels=edge * edge)
    return told, pictures, hf.Qwen2VLVideoProcessor(patch_size=14)


def _ids(told: hf.PreTrainedTokenizerFast) -> dict[str, Any]:
    names = {"image": MARK, "video": FILM, "vision_start": BEGIN, "vision_end": END}
    return {f"{name}_token_id": told.convert_tokens_to_ids(mark) for name, mark in names.items()}


def mllama(text: dict[str, Any], width: int, layers: int, edge: int) -> Made:
    told = words("<|image|>", "<|image|>")
    config = hf.MllamaConfig(
        vision_config={
            "hidden_size": width, "intermediate_size": 4 * width, "num_hidden_layers": layers, "num_global_layers": 2,
            "attention_heads": width // 64, "image_size": edge, "patch_size": 14, "vision_output_dim": 3 * width,
            "intermediate_layers_indices": [1, 3], "max_num_tiles": 4, "supported_aspect_ratios": SHAPES,
        },
        text_config=text | {"cross_attention_layers": [2, 6], "rope_parameters": ROPE},
        image_token_index=number(told, "<|image|>"),
    )  # fmt: skip
    pictures = hf.MllamaImageProcessor(size={"height": edge, "width": edge}, max_image_tiles=4)
    processor = hf.MllamaProcessor(pictures, told, chat_template=told.chat_template)
    return hf.MllamaForConditionalGeneration(config), processor


def idefics3(text: dict[str, Any], width: int, layers: int, edge: int) -> Made:
    told = words("<image>", "<image>")
    pictures = hf.Idefics3ImageProcessor(size={"longest_edge": 2 * edge}, max_image_size={"longest_edge": edge})
    sees = {name: size for name, size in clip(width, layers, edge).items() if name != "projection_dim"}
    config = hf.Idefics3Config(
        vision_config=sees,
        text_config=hf.LlamaConfig(**text),
        image_token_id=number(told, "<image>"),
        scale_factor=2,
    )
    seen = (edge // 14 // 2) ** 2
    processor = hf.Idefics3Processor(pictures, told, image_seq_len=seen, chat_template=told.chat_template)
    return hf.Idefics3ForConditionalGeneration(config), processor


MODELS: dict[str, Callable[[], Made]] = {
    "llava-45m": lambda: llava(language(512, 1376, 8), 448, 8, 224),
    "llava-150m": lambda: llava(language(768, 2048, 10), 768, 11, 224),
    "llava_next-60m": lambda: llava_next(language(512, 1376, 8), 512, 10, 224),
    "qwen2_vl-50m": lambda: qwen2_vl(language(512, 1376, 8), 512, 8, 448),
    "qwen2_vl-130m": lambda: qwen2_vl(language(640, 1728, 8), 768, 11, 336),
    "qwen2_5_vl-60m": lambda: qwen2_5_vl(language(640, 1728, 8), 512, 8, 336),
    "qwen3_vl-55m": lambda: qwen3_vl(language(512, 1536, 8), 512, 8, 448),
    "mllama-70m": lambda: mllama(language(512, 1376, 8), 512, 6, 224),
    "idefics3-50m": lambda: idefics3(language(512, 1376, 8), 448, 8, 224),
}


def make(name: str, folder: Path) -> None:
    torch.manual_seed(0)
    model, processor = MODELS[name]()
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
