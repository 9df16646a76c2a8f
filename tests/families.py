"""Every family of causal language models that the catalogue names, as a tiny model of its own class.

The markers of the chat templates are those that each family documents on its model card; the templates are written
here. Tokenizers are trained here too, of the kind that the family uses: byte-level BPE, or BPE on words with "▁"
before them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

SIZES: dict[str, Any] = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 256, "initializer_range": 0.2,
}  # fmt: skip
TEXT = (
    "Care este capitala Irlandei? Capitala Irlandei este Dublin. Cât face doi plus doi? Face patru. "
    "Quante zampe ha il serpente? Il serpente non ha zampe. What is your name? I have no name."
)

LLAMA_2 = (
    "{% if messages[0]['role'] == 'system' %}{% set system = '<<SYS>>\n' + messages[0]['content'] + '\n<</SYS>>\n\n' %}"
    "{% set turns = messages[1:] %}{% else %}{% set system = '' %}{% set turns = messages %}{% endif %}"
    "{% for m in turns %}{% if m['role'] == 'user' %}"
    "{{ bos_token + '[INST] ' + (system if loop.first else '') + m['content'] | trim + ' [/INST]' }}"
    "{% else %}{{ ' ' + m['content'] | trim + ' ' + eos_token }}{% endif %}{% endfor %}"
)
LLAMA_3 = (
    "{{ bos_token }}{% for m in messages %}"
    "{{ '<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n' + m['content'] | trim + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
MISTRAL = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + ' [/INST]' }}"
    "{% else %}{{ ' ' + m['content'] + eos_token }}{% endif %}{% endfor %}"
)
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
QWEN_2 = (
    "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}"
    "{% endif %}" + CHATML
)
# An empty thought stands before the last answer only, and behind the prompt only when thinking is switched off.
THINKING = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' }}"
    "{% if m['role'] == 'assistant' and loop.last %}{{ '<think>\n\n</think>\n\n' }}{% endif %}"
    "{{ m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
    "{% if enable_thinking is defined and enable_thinking is false %}{{ '<think>\n\n</think>\n\n' }}{% endif %}"
    "{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% for m in messages %}"
    "{% if m['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% set role = 'model' if m['role'] == 'assistant' else m['role'] %}"
    "{{ '<start_of_turn>' + role + '\n' + m['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
PHI_3 = (
    "{% for m in messages %}{{ '<|' + m['role'] + '|>\n' + m['content'] + '<|end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
)
PHI_4 = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '<|im_sep|>' + m['content'] + '<|im_end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant<|im_sep|>' }}{% endif %}"
)
GRANITE = (
    "{% for m in messages %}"
    "{{ '<|start_of_role|>' + m['role'] + '<|end_of_role|>' + m['content'] + '<|end_of_text|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_of_role|>assistant<|end_of_role|>' }}{% endif %}"
)
OLMO = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'assistant' %}"
    "{{ '<|assistant|>\n' + m['content'] + eos_token }}{% if not loop.last %}{{ '\n' }}{% endif %}"
    "{% else %}{{ '<|' + m['role'] + '|>\n' + m['content'] + '\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
)


@dataclass(frozen=True)
class Family:
    """`end` ends an answer, `marks` are the other special tokens; `plain` are added tokens that are not special.

    `spaced`: words begin with "▁" (SentencePiece), else bytes.
    """

    kind: str
    template: str | None
    end: str
    marks: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()
    begin: str = ""
    eos: str = ""
    spaced: bool = False
    config: dict[str, Any] = field(default_factory=dict)


IM = ("<|im_start|>",)
HEADERS = ("<|start_header_id|>", "<|end_header_id|>")
TURN = ("<start_of_turn>",)
THINK = ("<think>", "</think>")
GPT_2 = {"n_embd": 32, "n_inner": 64, "n_layer": 2, "n_head": 4, "n_positions": 256, "initializer_range": 0.2}
FAMILIES: dict[str, Family] = {
    "llama-2": Family("llama", LLAMA_2, "</s>", begin="<s>", spaced=True, config={"num_key_value_heads": 4}),
    "llama-3": Family(
        "llama", LLAMA_3, "<|eot_id|>", HEADERS, begin="<|begin_of_text|>", eos="<|end_of_text|>",
        config={"tie_word_embeddings": True},
    ),
    "mistral": Family("mistral", MISTRAL, "</s>", begin="<s>", spaced=True, config={"sliding_window": 24}),
    "minerva": Family("mistral", LLAMA_3, "<|eot_id|>", HEADERS, begin="<s>", eos="</s>", spaced=True),
    "qwen-2.5": Family("qwen2", QWEN_2, "<|im_end|>", IM, eos="<|endoftext|>", config={"tie_word_embeddings": True}),
    "qwen-3": Family("qwen3", THINKING, "<|im_end|>", IM, THINK, config={"head_dim": 16, "tie_word_embeddings": True}),
    "gemma-2": Family(
        "gemma2", GEMMA, "<end_of_turn>", TURN, begin="<bos>", eos="<eos>", spaced=True,
        config={
            "head_dim": 8, "query_pre_attn_scalar": 8, "sliding_window": 24, "attn_logit_softcapping": 2.0,
            "final_logit_softcapping": 3.0,
        },
    ),
    "gemma-3": Family(
        "gemma3_text", GEMMA, "<end_of_turn>", TURN, begin="<bos>", eos="<eos>", spaced=True,
        config={
            "head_dim": 8, "query_pre_attn_scalar": 8, "sliding_window": 24,
            "layer_types": ["sliding_attention", "full_attention"],
        },
    ),
    "phi-3": Family(
        "phi3", PHI_3, "<|end|>", ("<|user|>", "<|assistant|>", "<|system|>"), begin="<s>", eos="<|endoftext|>",
        spaced=True, config={"num_key_value_heads": 4, "sliding_window": 24},
    ),
    "phi-4": Family("phi3", PHI_4, "<|im_end|>", (*IM, "<|im_sep|>"), eos="<|endoftext|>"),
    "smollm-2": Family("llama", CHATML, "<|im_end|>", IM, config={"tie_word_embeddings": True}),
    "smollm-3": Family("smollm3", THINKING, "<|im_end|>", IM, THINK, config={"no_rope_layer_interval": 2}),
    "eurollm": Family("llama", CHATML, "<|im_end|>", IM, begin="<s>", eos="</s>", spaced=True),
    "granite": Family(
        "granite", GRANITE, "<|end_of_text|>", ("<|start_of_role|>", "<|end_of_role|>"),
        config={
            "logits_scaling": 4.0, "embedding_multiplier": 3.0, "residual_multiplier": 0.5,
            "attention_multiplier": 0.2, "tie_word_embeddings": True,
        },
    ),
    "olmo-2": Family("olmo2", OLMO, "<|endoftext|>", begin="<|endoftext|>"),
    "rogpt-2": Family("gpt2", None, "<|endoftext|>", config=GPT_2),
}  # fmt: skip


@cache
def tokenizer(name: str) -> PreTrainedTokenizerFast:
    family = FAMILIES[name]
    eos, begin = family.eos or family.end, family.begin
    inner = _spaced() if family.spaced else _bytes()
    special = dict.fromkeys(word for word in ("<pad>", begin, eos, family.end, *family.marks) if word)
    inner.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in special])
    inner.add_tokens([AddedToken(word, special=False, normalized=False) for word in family.plain])
    known = {"bos_token": begin} if begin else {}
    made = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token=eos, pad_token="<pad>", **known)
    made.chat_template = family.template
    return made


def make(name: str, folder: Path) -> Path:
    """A random model of the family with its tokenizer, saved as transformers saves models."""
    words, family = tokenizer(name), FAMILIES[name]
    network(family, vocab_size=len(words), eos_token_id=words.eos_token_id, pad_token_id=words.pad_token_id,
            bos_token_id=words.bos_token_id).save_pretrained(folder)  # fmt: skip
    words.save_pretrained(folder)
    return folder


def network(family: Family, **more: Any) -> Any:
    sizes = {} if family.kind == "gpt2" else SIZES
    torch.manual_seed(1)
    made = AutoModelForCausalLM.from_config(AutoConfig.for_model(family.kind, **{**sizes, **family.config, **more}))
    with torch.no_grad():
        # Models start with norms of ones and biases of nothing, which would hide that one of them was forgotten.
        for parameter in made.parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    return made


def chats(count: int) -> list[dict[str, Any]]:
    """Conversations of one and of two questions, in turn."""

    def turn(at: int) -> list[dict[str, str]]:
        return [
            {"role": "user", "content": f"Cât face {at} plus {at}?"},
            {"role": "assistant", "content": f"Face {2 * at}, nu {at}."},
        ]

    return [{"messages": turn(at) + (turn(at + 50) if at % 2 else [])} for at in range(count)]


def _bytes() -> Tokenizer:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    return _trained(made, trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False))


def _spaced() -> Tokenizer:
    """As Llama's: a space is "▁", one stands before the text, an unknown letter becomes its bytes."""
    made = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    known = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256))]
    return _trained(made, trainers.BpeTrainer(vocab_size=380, special_tokens=known, show_progress=False))


def _trained(made: Tokenizer, trainer: Callable[..., Any] | Any) -> Tokenizer:
    made.train_from_iterator([TEXT], trainer)
    return made
