"""What the forecast is measured on: models, data and recipes, in groups.

`FITTED`: the factors for holes in the heap (docs/forecast.md) were chosen on runs of these. `FRESH`: nothing was chosen
on them. `MATRIX`: 24 more, over families, methods, optimizers, lengths and batches. `OTHER`: 17 with objectives,
sizes and pairs of choices that are in none of the others; thirteen were within the targets when they were compared
first, and the formulas were mended for the other four. `DRAWN`: 12 that chance put together; eleven were within the
targets, and the formula of GPT-2 was mended. `LATER`: 12 more from chance; nothing was changed after.
"""

import hashlib
import json
import random
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
from benchmarks.forecasting import families, pictures

STARTER = SHIPPED_MODELS / "starter"
CHATS = SAMPLE_DATA / "chats" / "starter-ro.jsonl"
HEAD_WIDTH = 64
DPO = "dpo"


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
    sections: tuple[tuple[str, tuple[tuple[str, Any], ...]], ...] = ()

    @property
    def name(self) -> str:
        said = [str(key if value is True else value) for _, values in self.sections for key, value in values]
        return " ".join([self.model, self.method, f"{self.batch}x{self.length}", *said])


def setting(model: str, method: str, batch: int, length: int, **sections: dict[str, Any]) -> Setting:
    """With sections of the recipe besides: `lora={"dora": True}`."""
    kept = tuple((name, tuple(values.items())) for name, values in sections.items())
    return Setting(model, method, batch, length, kept)


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
FP4, INT8, DORA, AGAIN = {"kind": "fp4"}, {"kind": "int8"}, {"dora": True}, {"gradient_checkpointing": "on"}
MATRIX = (
    setting("starter", "lora", 16, 256, lora={"dora": True, "rank": 8}),
    setting("starter", "qlora", 24, 256, quantisation=INT8),
    setting("starter", "full", 48, 256, schedule={"optimizer": "adafactor"}),
    setting("qwen2-25m", "lora", 8, 192, lora={"dropout": 0.1}),
    setting("qwen2-25m", "qlora", 8, 256, quantisation=FP4),
    setting("qwen3-40m", "lora", 4, 384, lora={"rslora": True, "rank": 64}),
    setting("qwen3-40m", "full", 4, 192),
    setting("mistral-110m", "lora", 2, 384, compute=AGAIN),
    setting("mistral-110m", "qlora", 2, 256, quantisation={"double": False}),
    setting("gemma2-45m", "lora", 4, 128),
    setting("gemma2-45m", "qlora", 4, 256, quantisation=FP4),
    setting("gemma3-35m", "lora", 8, 256, lora={"rate_ratio": 16.0}),
    setting("gemma3-35m", "full", 4, 128, schedule={"optimizer": "adamw_8bit"}),
    setting("phi3-60m", "lora", 4, 256, lora={"target_modules": "attention"}),
    setting("phi3-60m", "lora", 4, 192, lora=DORA),
    setting("granite-50m", "lora", 8, 128, lora={"start": "pissa"}),
    setting("granite-50m", "full", 2, 384, compute=AGAIN),
    setting("olmo2-70m", "lora", 2, 512, lora={"target_modules": "mlp"}),
    setting("olmo2-70m", "qlora", 4, 192, quantisation=INT8),
    setting("smollm3-80m", "lora", 4, 256, schedule={"optimizer": "adamw_8bit"}),
    setting("gpt2-55m", "lora", 4, 256),
    setting("gpt2-55m", "full", 4, 128),
    setting("120m", "lora", 2, 128, lora=DORA),
    setting("120m", "full", 2, 256, schedule={"optimizer": "paged_adamw_8bit"}),
)
NOU = {"new_tokens": ("<nou>", "<nuovo>")}
OTHER = (
    setting("qwen2-25m", "full", 2, 512),
    setting("qwen3-40m", "qlora", 6, 256, lora={"dropout": 0.05}),
    setting("mistral-110m", "full", 2, 256, compute=AGAIN),
    setting("gemma2-45m", "full", 4, 160),
    setting("gemma3-35m", "qlora", 8, 192, quantisation=INT8),
    setting("phi3-60m", "full", 2, 256, schedule={"optimizer": "adafactor"}),
    setting("granite-50m", "qlora", 4, 320, lora=DORA),
    setting("olmo2-70m", "full", 4, 128, schedule={"optimizer": "paged_adamw"}),
    setting("smollm3-80m", "qlora", 2, 512, quantisation={"double": False}),
    setting("smollm3-80m", "full", 3, 192, several={"accumulation": 4}),
    setting("gpt2-55m", "qlora", 8, 128),
    setting("30m", "dpo", 4, 256),
    setting("qwen2-25m", "dpo", 2, 384),
    setting("30m", "lora", 8, 256, lora=NOU),
    setting("45m", "lora", 4, 384, lora=NOU),
    setting("150m", "lora", 4, 384, compute=AGAIN),
    setting("90m", "lora", 3, 384, lora={"rank": 128}),
)

TWICE = {"accumulation": 2}
CHANGES: dict[str, tuple[dict[str, dict[str, Any]], ...]] = {
    "lora": ({}, {"lora": DORA}, {"lora": {"dropout": 0.05}}, {"lora": {"rank": 96}}, {"compute": AGAIN}),
    "qlora": (
        {},
        {"quantisation": FP4},
        {"quantisation": INT8},
        {"lora": {"rank": 4}},
        {"several": {"accumulation": 2}},
    ),
    "full": ({}, {"schedule": {"optimizer": "adafactor"}}, {"compute": AGAIN}, {"several": TWICE}),
}


def drawn(count: int, seed: int) -> Iterator[Setting]:
    """Model, method, batch, length and one change, each by chance."""
    draw = random.Random(seed)
    models = [*SHAPES, *families.CONFIGS]
    for _ in range(count):
        method = draw.choice(tuple(CHANGES))
        sizes = draw.choice((1, 2, 3, 5, 6)), draw.choice((96, 160, 224, 320, 448))
        model, change = draw.choice(models), draw.choice(CHANGES[method])
        yield Setting(model, method, *sizes, tuple((name, tuple(values.items())) for name, values in change.items()))


DRAWN, LATER = tuple(drawn(12, seed=2026)), tuple(drawn(12, seed=2027))


KEPT_NOT, TOWER, PROJECTOR = {"keep": False}, {"tower": True}, {"projector": True}
SIGHT = (
    setting("llava-45m", "lora", 4, 512, vision=KEPT_NOT),
    setting("llava-45m", "qlora", 2, 768),
    setting("llava-150m", "lora", 2, 512),
    setting("llava-150m", "lora", 2, 512, vision=TOWER),
    setting("llava_next-60m", "lora", 2, 1536, vision=KEPT_NOT),
    setting("llava_next-60m", "lora", 1, 2048, vision=PROJECTOR),
    setting("qwen2_vl-50m", "lora", 4, 512),
    setting("qwen2_vl-130m", "qlora", 4, 384, vision=KEPT_NOT),
    setting("qwen2_vl-130m", "lora", 2, 384, compute=AGAIN),
    setting("qwen2_5_vl-60m", "lora", 4, 384, vision=KEPT_NOT),
    setting("qwen3_vl-55m", "lora", 4, 512),
    setting("mllama-70m", "lora", 2, 384, vision=KEPT_NOT),
    setting("idefics3-50m", "lora", 2, 768, vision=KEPT_NOT),
)


def make_model(name: str, folder: Path) -> Model:
    """A Llama with random weights and the starter's tokenizer; the starter itself for "starter"."""
    if name == "starter":
        return Model(id=name, name=name, location=str(STARTER))
    target = folder / name
    if families.sees(name):
        if not target.exists():
            families.make_seeing(name, target)
        return Model(id=name, name=name, location=str(target), kind="vision")
    if name in families.CONFIGS:
        if not target.exists():
            families.make(name, target, STARTER)
        return Model(id=name, name=name, location=str(target))
    config = SHAPES[name].config()
    if not target.exists():
        target.mkdir()
        (target / "config.json").write_text(json.dumps(config), encoding="utf-8")
        for file in families.TOKENIZER:
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
    path, shape = CHATS, "chat"
    if families.sees(setting.model):
        path, shape = folder / f"seen-{setting.length}" / "rows.jsonl", "visual"
        pictures.make_pictures(path.parent, setting.length // 2)
    elif setting.model != "starter":
        shape = "preference" if setting.method == DPO else "chat"
        path = folder / f"{shape}-{setting.length}.jsonl"
        made = pairs(setting.length) if setting.method == DPO else conversations(setting.length)
        path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in made) + "\n", encoding="utf-8")
    count = sum(1 for _ in rows.read(path))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Dataset(id=path.stem, name=path.stem, path=path, rows=count, shape=shape, sha256=digest)


def conversations(length: int) -> Iterator[dict[str, Any]]:
    """200 of them, made of the shipped ones; about 18 tokens a message."""
    said = cycle([message for row in rows.read(CHATS) for message in row["messages"]])
    draw = np.random.default_rng(length)
    for _ in range(200):
        messages = [next(said) for _ in range(2 * max(1, round(draw.uniform(length / 4, length) / 36)))]
        yield {"messages": messages}


def pairs(length: int) -> Iterator[dict[str, Any]]:
    """The last answer of each conversation, and that of the one before instead of it."""
    before = "?"
    for row in conversations(length):
        *asked, answer = row["messages"]
        yield {"prompt": asked, "chosen": answer["content"], "rejected": before}
        before = answer["content"] + "!"


def recipe(setting: Setting, steps: int) -> Recipe:
    chosen = {name: dict(values) for name, values in setting.sections}
    several = chosen.pop("several", {})
    what = {"method": "lora", "objective": "preference"} if setting.method == DPO else {"method": setting.method}
    if families.sees(setting.model):
        what["objective"] = "vision"
    values = {
        **chosen,
        **what,
        "schedule": {"max_steps": steps, **chosen.get("schedule", {})},
        "batch": {"size": setting.batch, "max_length": setting.length, **several},
    }
    return Recipe.model_validate(values)
