"""A chat model so small that a test trains it in a second: random weights, byte tokens, a marked chat template."""

from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

MARKED = (
    "{% for message in messages %}<|{{ message['role'] }}|>"
    "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] }}<|end|>{% endgeneration %}"
    "{% else %}{{ message['content'] }}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
UNMARKED = MARKED.replace("{% generation %}", "").replace("{% endgeneration %}", "")
SPECIAL = ("<|end|>", "<|user|>", "<|assistant|>", "<|system|>")


def make_tokenizer(template: str | None = MARKED) -> PreTrainedTokenizerFast:
    """One token per byte, and the special ones."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE(vocab={letter: at for at, letter in enumerate(letters)}, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in SPECIAL])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|end|>", pad_token="<|end|>")
    tokenizer.chat_template = template
    return tokenizer


def make_model(folder: Path, *, template: str | None = MARKED, **changes: Any) -> Path:
    """A Llama of about 30,000 parameters with its tokenizer, saved as transformers saves models."""
    tokenizer = make_tokenizer(template)
    values = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "initializer_range": 0.1,
    }
    LlamaForCausalLM(LlamaConfig(**{**values, **changes})).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def chats(count: int) -> list[dict[str, Any]]:
    """Different short conversations."""
    return [
        {
            "messages": [
                {"role": "user", "content": f"Cât face {at} plus {at}?"},
                {"role": "assistant", "content": f"Face {2 * at}."},
            ]
        }
        for at in range(count)
    ]
