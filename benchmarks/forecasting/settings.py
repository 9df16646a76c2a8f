"""What the forecast is measured on: models, data and recipes, in two groups.

`FITTED`: the factors for holes in the heap (docs/forecast.md) were chosen on runs of these. `FRESH`: nothing was chosen
on them.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from backend.data import rows
from backend.data.datasets import Dataset
from backend.models.catalogue import Model
from backend.paths import SAMPLE_DATA, SHIPPED_MODELS
from backend.recipes.schema import Recipe

STARTER = SHIPPED_MODELS / "starter"
CHATS = SAMPLE_DATA / "chats" / "starter-ro.jsonl"
HEAD_WIDTH = 64


@dataclass(frozen=True)
class Shape:
    """A Llama; `shared`: query heads for each key head, `tied`: the embeddings are the head."""

    hidden: int
    inner: int
    layers: int
    vocabulary: int
    tied: bool
    shared: int = 1

    def config(self) -> dict[str, Any]:
        """config.json: the starter's, with other sizes."""
        heads = self.hidden // HEAD_WIDTH
        known: dict[str, Any] = json.loads((STARTER / "config.json").read_text(encoding="utf-8"))
        return known | {
            "hidden_size": self.hidden,
            "intermediate_size": self.inner,
            "num_hidden_layers": self.layers,
            "vocab_size": self.vocabulary,
            "tie_word_embeddings": self.tied,
            "num_attention_heads": heads,
            "num_key_value_heads": heads // self.shared,
            "head_dim": HEAD_WIDTH,
        }


SHAPES = {
    "30m": Shape(512, 1376, 8, 8000, tied=True),
    "120m": Shape(768, 2048, 14, 16000, tied=False),
    "20m": Shape(384, 1024, 10, 8000, tied=True),
    "45m": Shape(640, 1728, 8, 4000, tied=False),
    "50m": Shape(512, 1408, 12, 24000, tied=True, shared=2),
    "90m": Shape(1024, 2816, 6, 6000, tied=False),
    "150m": Shape(768, 2048, 20, 8000, tied=True),
}


@dataclass(frozen=True)
class Setting:
    model: str
    method: str
    batch: int
    length: int

    @property
    def name(self) -> str:
        return f"{self.model} {self.method} {self.batch}x{self.length}"


FITTED = (
    Setting("starter", "lora", 32, 256), Setting("starter", "qlora", 32, 256), Setting("starter", "full", 32, 256),
    Setting("30m", "lora", 8, 128), Setting("30m", "qlora", 4, 256), Setting("30m", "full", 16, 64),
    Setting("30m", "lora", 4, 512), Setting("30m", "full", 8, 256),
    Setting("120m", "lora", 4, 256), Setting("120m", "qlora", 8, 64), Setting("120m", "full", 4, 128),
)  # fmt: skip
FRESH = (
    Setting("starter", "lora", 8, 256), Setting("starter", "qlora", 64, 256), Setting("starter", "full", 96, 128),
    Setting("20m", "lora", 16, 128), Setting("20m", "full", 4, 512),
    Setting("45m", "lora", 2, 1024), Setting("45m", "qlora", 8, 128), Setting("45m", "full", 8, 128),
    Setting("50m", "lora", 16, 64), Setting("50m", "qlora", 4, 512), Setting("50m", "full", 2, 256),
    Setting("90m", "lora", 8, 128), Setting("90m", "qlora", 2, 256), Setting("90m", "full", 4, 64),
    Setting("150m", "lora", 2, 256), Setting("150m", "qlora", 4, 128), Setting("150m", "full", 2, 128),
)  # fmt: skip


def make_model(name: str, folder: Path) -> Model:
    """A Llama with random weights and the starter's tokenizer; the starter itself for "starter"."""
    if name == "starter":
        return Model(id=name, name=name, location=str(STARTER))
    config, target = SHAPES[name].config(), folder / name
    if not target.exists():
        target.mkdir()
        (target / "config.json").write_text(json.dumps(config), encoding="utf-8")
        for file in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json"):
            shutil.copy(STARTER / file, target)
        save_file(dict(tensors(SHAPES[name])), target / "model.safetensors", {"format": "pt"})
    return Model(id=name, name=name, location=str(target))


def tensors(shape: Shape) -> Iterator[tuple[str, np.ndarray]]:
    """Every weight of a Llama, fp32."""
    hidden, inner, keys = shape.hidden, shape.inner, shape.hidden // shape.shared
    draw = np.random.default_rng(0)

    def table(outputs: int, inputs: int) -> np.ndarray:
        return draw.normal(0, 0.02, (outputs, inputs)).astype(np.float32)

    yield "model.embed_tokens.weight", table(shape.vocabulary, hidden)
    yield "model.norm.weight", np.ones(hidden, np.float32)
    if not shape.tied:
        yield "lm_head.weight", table(shape.vocabulary, hidden)
    for layer in range(shape.layers):
        path = f"model.layers.{layer}"
        for name in ("input_layernorm", "post_attention_layernorm"):
            yield f"{path}.{name}.weight", np.ones(hidden, np.float32)
        for name, outputs in (("q_proj", hidden), ("k_proj", keys), ("v_proj", keys), ("o_proj", hidden)):
            yield f"{path}.self_attn.{name}.weight", table(outputs, hidden)
        yield f"{path}.mlp.gate_proj.weight", table(inner, hidden)
        yield f"{path}.mlp.up_proj.weight", table(inner, hidden)
        yield f"{path}.mlp.down_proj.weight", table(hidden, inner)


def make_data(setting: Setting, folder: Path) -> Dataset:
    """The shipped chats for the starter; for the others conversations of a quarter up to the whole of the length."""
    path = CHATS
    if setting.model != "starter":
        path = folder / f"chats-{setting.length}.jsonl"
        path.write_text("\n".join(conversations(setting.length)) + "\n", encoding="utf-8")
    count = sum(1 for _ in rows.read(path))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Dataset(id=path.stem, name=path.stem, path=path, rows=count, shape="chat", sha256=digest)


def conversations(length: int) -> Iterator[str]:
    """200 of them, made of the shipped ones; about 18 tokens a message."""
    said = cycle([message for row in rows.read(CHATS) for message in row["messages"]])
    draw = np.random.default_rng(length)
    for _ in range(200):
        messages = [next(said) for _ in range(2 * max(1, round(draw.uniform(length / 4, length) / 36)))]
        yield json.dumps({"messages": messages}, ensure_ascii=False)


def recipe(setting: Setting, steps: int) -> Recipe:
    values = {
        "method": setting.method,
        "schedule": {"max_steps": steps},
        "batch": {"size": setting.batch, "max_length": setting.length},
    }
    return Recipe.model_validate(values)
