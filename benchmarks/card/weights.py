"""Llamas of any size with random weights, written as checkpoints layer by layer: one is in memory at a time."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from bitsandbytes.functional import quantize_4bit
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor
from transformers import BitsAndBytesConfig, LlamaConfig, PreTrainedTokenizerFast

SPREAD = 0.02
Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Size:
    """The published shape of a Llama 2; `read`: the longest text it reads, in tokens."""

    hidden: int
    inner: int
    layers: int
    heads: int
    key_heads: int
    vocabulary: int = 32_000
    read: int = 4096

    def config(self) -> LlamaConfig:
        return LlamaConfig(
            vocab_size=self.vocabulary,
            hidden_size=self.hidden,
            intermediate_size=self.inner,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            num_key_value_heads=self.key_heads,
            max_position_embeddings=self.read,
            rms_norm_eps=1e-5,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
            tie_word_embeddings=False,
            architectures=["LlamaForCausalLM"],
        )

    @property
    def linear_weights(self) -> int:
        """Numbers in the linear layers of all blocks."""
        keys = self.hidden * self.key_heads // self.heads
        return self.layers * self.hidden * (2 * self.hidden + 2 * keys + 3 * self.inner)


# Hugging Face: config.json of meta-llama/Llama-2-{7b,13b,70b}-hf. "tiny" is for trying the commands out.
SIZES = {
    "tiny": Size(64, 160, 2, 4, 2, vocabulary=512, read=512),
    "7b": Size(4096, 11008, 32, 32, 32),
    "13b": Size(5120, 13824, 40, 40, 40),
    "70b": Size(8192, 28672, 80, 64, 8),
}


def write(folder: Path, size: Size, device: torch.device, *, quantised: bool = False) -> Path:
    """A checkpoint in bfloat16, or with its blocks in four bits (NF4, double quantisation) as bitsandbytes does."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    where: dict[str, str] = {}
    total = 0
    for number, tensors in enumerate(_parts(size, device, quantised=quantised)):
        name = f"model-{number:05d}.safetensors"
        save_file({key: tensor.cpu().contiguous() for key, tensor in tensors.items()}, folder / name, {"format": "pt"})
        where |= dict.fromkeys(tensors, name)
        total += sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    index = {"metadata": {"total_size": total}, "weight_map": where}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    config = size.config()
    config.dtype = torch.bfloat16
    if quantised:
        config.quantization_config = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        ).to_dict()
    config.save_pretrained(folder)
    _tokenizer(size.vocabulary).save_pretrained(folder)
    return folder


def _parts(size: Size, device: torch.device, *, quantised: bool) -> Iterator[Tensors]:
    keys = size.hidden * size.key_heads // size.heads
    yield {
        "model.embed_tokens.weight": _random(size.vocabulary, size.hidden, device),
        "lm_head.weight": _random(size.vocabulary, size.hidden, device),
        "model.norm.weight": torch.ones(size.hidden, dtype=torch.bfloat16),
    }
    shapes = {
        "self_attn.q_proj": (size.hidden, size.hidden),
        "self_attn.k_proj": (keys, size.hidden),
        "self_attn.v_proj": (keys, size.hidden),
        "self_attn.o_proj": (size.hidden, size.hidden),
        "mlp.gate_proj": (size.inner, size.hidden),
        "mlp.up_proj": (size.inner, size.hidden),
        "mlp.down_proj": (size.hidden, size.inner),
    }
    for layer in range(size.layers):
        block: Tensors = {}
        for name, (out, into) in shapes.items():
            weight = _random(out, into, device)
            key = f"model.layers.{layer}.{name}.weight"
            block |= _four_bits(key, weight) if quantised else {key: weight}
        for norm in ("input_layernorm", "post_attention_layernorm"):
            block[f"model.layers.{layer}.{norm}.weight"] = torch.ones(size.hidden, dtype=torch.bfloat16)
        yield block


def _random(rows: int, columns: int, device: torch.device) -> Tensor:
    return torch.empty((rows, columns), dtype=torch.bfloat16, device=device).normal_(0, SPREAD)


def _four_bits(key: str, weight: Tensor) -> Tensors:
    packed, state = quantize_4bit(weight, quant_type="nf4", compress_statistics=True)
    beside = {f"{key}.{name}": value for name, value in state.as_dict(packed=True).items()}
    return {key: packed, **beside}


def _tokenizer(vocabulary: int) -> PreTrainedTokenizerFast:
    """Words w0, w1, ...: one token each."""
    words = Tokenizer(models.WordLevel({f"w{number}": number for number in range(vocabulary)}, unk_token="w0"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    return PreTrainedTokenizerFast(tokenizer_object=words, chat_template=template, pad_token="w0", eos_token="w2")
