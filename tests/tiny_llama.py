"""A Llama of two layers with a real tokenizer, and LoRA adapters for it, written without torch."""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

WIDTH, INNER, LAYERS, HEADS, KEY_HEADS, CONTEXT = 64, 128, 2, 4, 2, 256
KEY_WIDTH = WIDTH // HEADS * KEY_HEADS
SPECIAL = ["<pad>", "<|user|>", "<|assistant|>", "<|system|>", "<|end|>"]
TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
TEXT = "Care este capitala Irlandei? Capitala Irlandei este Dublin. Câte picioare are șarpele? Șarpele nu are picioare."
SHAPES = {
    "self_attn.q_proj": (WIDTH, WIDTH),
    "self_attn.k_proj": (KEY_WIDTH, WIDTH),
    "self_attn.v_proj": (KEY_WIDTH, WIDTH),
    "self_attn.o_proj": (WIDTH, WIDTH),
    "mlp.gate_proj": (INNER, WIDTH),
    "mlp.up_proj": (INNER, WIDTH),
    "mlp.down_proj": (WIDTH, INNER),
}


def write_model(folder: Path, *, name: str = "tiny", owner: str = "home") -> Path:
    folder.mkdir(parents=True)
    size = write_tokenizer(folder)
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": size, "hidden_size": WIDTH,
        "intermediate_size": INNER, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
        "num_key_value_heads": KEY_HEADS, "max_position_embeddings": CONTEXT, "rms_norm_eps": 1e-6,
        "hidden_act": "silu",
        "tie_word_embeddings": False, "bos_token_id": None, "eos_token_id": 4, "pad_token_id": 0, "dtype": "float32",
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    save_file(weights(size), folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.json").write_text(json.dumps({"name": name, "owner": owner}), encoding="utf-8")
    return folder


def write_tokenizer(folder: Path) -> int:
    """Byte-level BPE with 300 words, so that most letters with a diacritic take two tokens; returns how many."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([TEXT], trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|end|>", "pad_token": "<pad>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    return tokenizer.get_vocab_size()


def weights(size: int) -> dict[str, np.ndarray]:
    chance = np.random.default_rng(0)

    def drawn(*shape: int) -> np.ndarray:
        return chance.normal(0, 0.3, shape).astype(np.float32)

    found = {"model.embed_tokens.weight": drawn(size, WIDTH), "lm_head.weight": drawn(size, WIDTH)}
    # An answer should have some length: its end is made unlikely.
    found["lm_head.weight"][4] *= 0.1
    found["model.norm.weight"] = np.ones(WIDTH, np.float32)
    for layer in range(LAYERS):
        head = f"model.layers.{layer}."
        found |= {f"{head}{name}.weight": drawn(*shape) for name, shape in SHAPES.items()}
        for norm in ("input_layernorm", "post_attention_layernorm"):
            found[f"{head}{norm}.weight"] = np.ones(WIDTH, np.float32)
    return found


def write_adapter(folder: Path, *, seed: int, rank: int = 4, modules: tuple[str, ...] = tuple(SHAPES)) -> Path:
    """LoRA in peft's format; both matrices are random, so that it changes every answer."""
    folder.mkdir(parents=True)
    chance = np.random.default_rng(seed)
    tensors: dict[str, np.ndarray] = {}
    for layer in range(LAYERS):
        for name in modules:
            out, width = SHAPES[name]
            head = f"base_model.model.model.layers.{layer}.{name}.lora_"
            tensors[f"{head}A.weight"] = chance.normal(0, 0.1, (rank, width)).astype(np.float32)
            tensors[f"{head}B.weight"] = chance.normal(0, 0.1, (out, rank)).astype(np.float32)
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config = {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": rank, "lora_alpha": 2 * rank, "lora_dropout": 0.0,
        "bias": "none", "base_model_name_or_path": "tiny", "target_modules": [n.split(".")[1] for n in modules],
    }  # fmt: skip
    (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def write_run(run: Path, model: Path, *, seed: int | None, method: str = "lora") -> None:
    """The folder of a run, as far as the engine looks at it; with no seed it has made no adapter yet."""
    run.mkdir(parents=True)
    if seed is not None:
        write_adapter(run / "adapter", seed=seed)
    request = {
        "job": {"id": run.name, "owner": "home"},
        "model": {"id": model.name, "name": "tiny", "location": str(model)},
        "recipe": {"method": method, "quantisation": {"kind": "nf4", "double": True}},
    }
    (run / "request.json").write_text(json.dumps(request), encoding="utf-8")
