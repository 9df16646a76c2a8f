"""A chat model so small that a test trains it in a second: random weights, byte tokens, a marked chat template."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from backend.data.rows import shape as shape_of
from backend.jobs.context import JobContext
from backend.jobs.folder import RunFolder
from backend.training import run as training

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


def pairs(count: int) -> list[dict[str, Any]]:
    """Questions with a short right answer and a wrong one."""
    return [
        {
            "prompt": [{"role": "user", "content": f"Cât face {at} plus {at}?"}],
            "chosen": f"Face {2 * at}.",
            "rejected": f"Nu știu, poate {at + 3}, poate nu.",
        }
        for at in range(count)
    ]


def request(folder: Path, model: Path, rows: list[dict[str, Any]], **recipe: Any) -> dict[str, Any]:
    """A training request on these rows; `recipe` overrules settings that make a run of a second."""
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    values = {
        "schedule": {"epochs": 2, "learning_rate": 1e-2},
        "batch": {"size": 4},
        "lora": {"rank": 4},
        "watching": {"eval_share": 0.1, "eval_every": 1000, "answer_every": 1000, "save_every": 5},
    }
    for name, changes in recipe.items():
        values[name] = {**values.get(name, {}), **changes} if isinstance(changes, dict) else changes
    shape = shape_of(rows[0])
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {
        "recipe": values,
        "model": {"id": "tiny", "name": "tiny", "location": str(model)},
        "data": {"id": "d", "name": "d", "path": str(path), "rows": len(rows), "shape": shape, "sha256": digest},
    }


def run(path: Path, asked: dict[str, Any], *, attempt: int = 1, memory_failures: int = 0) -> tuple[int, list[Any]]:
    """Train in this process: the exit code, and all that was said in this run folder so far."""
    torch.set_num_threads(1)
    path.mkdir(exist_ok=True)
    job = JobContext(RunFolder(path), asked, attempt=attempt, memory_failures=memory_failures)
    return training.run(job), list(RunFolder(path).said())


def fork(work: Callable[[], int]) -> int:
    """What a child process made of it: its exit code, negative for a signal."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            code = work()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def same_adapters(one: Path, other: Path) -> bool:
    """Whether two run folders hold adapters that are equal to the last bit."""
    a, b = (load_file(path / "adapter" / "adapter_model.safetensors") for path in (one, other))
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
