"""Steps of training on pictures with what the tower saw kept, and without: `python -m benchmarks.cache [--quick]`.

Three random models, a tower and a language model each, as large as one another; pictures of 224 x 224, of five tiles
and of four tiles; LoRA of rank 16 on the language side. Counted is the processor time of a step on one thread, from
the picture's file to the changed adapter, the two ways in turn; of the kept way from the second pass on. The losses of
both ways must be equal to the last bit.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
import transformers as hf
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers.utils import logging as transformers_logging

from backend.recipes.schema import Recipe
from backend.sight.eyes import Eyes
from backend.sight.kept import Kept, fingerprint, size
from backend.training.network.adapter import prepare
from backend.training.network.load import inspect, load_base
from backend.training.network.measure import batch_loss
from backend.training.pictures.chat import Pictured
from backend.training.pictures.showing import Showing
from benchmarks.common.report import Target, finish

MARK, WORDS, TEXT = "<image>", 16_000, 60
TURNS = 5
LANGUAGE: dict[str, Any] = {
    "vocab_size": WORDS, "hidden_size": 640, "intermediate_size": 1728, "num_hidden_layers": 8,
    "num_attention_heads": 10, "num_key_value_heads": 10, "pad_token_id": 0,
}  # fmt: skip
ROPE = {"rope_type": "default", "rope_theta": 1e4}
CLIP: dict[str, Any] = {
    "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 11, "num_attention_heads": 12,
    "image_size": 112, "patch_size": 14, "projection_dim": 64,
}  # fmt: skip
GRIDS = [[112, 224], [224, 112], [224, 224]]
SHAPES = [[1, 1], [1, 2], [1, 3], [1, 4], [2, 1], [2, 2], [3, 1], [4, 1]]
Made = tuple[hf.PreTrainedModel, hf.ProcessorMixin]


@dataclass(frozen=True)
class Case:
    """`pictures` of `edge` pixels go through at once; `times`: how many times as fast it has to be."""

    make: Callable[[], Made]
    pictures: int
    edge: int
    times: float


def words() -> hf.PreTrainedTokenizerFast:
    known = {MARK: 10, **{f"w{at}": at for at in range(WORDS) if at != 10}}
    made = Tokenizer(models.WordLevel(known, unk_token="w1"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    marks = {"image_token": MARK, "video_token": "w11"}
    found = hf.PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token="w0",
        bos_token="w2",
        extra_special_tokens=marks,
        additional_special_tokens=[MARK],
    )
    for name, mark in marks.items():
        setattr(found, name, mark)
        setattr(found, f"{name}_id", known[mark])
    return found


def qwen() -> Made:
    config = hf.Qwen2VLConfig(
        text_config={**LANGUAGE, "rope_parameters": ROPE | {"mrope_section": [8, 12, 12]}},
        vision_config={
            "depth": 11, "embed_dim": 768, "num_heads": 12, "mlp_ratio": 4, "hidden_size": 640, "patch_size": 14,
        },
        image_token_id=10, video_token_id=11, vision_start_token_id=12, vision_end_token_id=13,
    )  # fmt: skip
    pictures = hf.Qwen2VLImageProcessor(patch_size=14, merge_size=2, min_pixels=56 * 56, max_pixels=224 * 224)
    return (
        hf.Qwen2VLForConditionalGeneration(config),
        hf.Qwen2VLProcessor(pictures, words(), hf.Qwen2VLVideoProcessor(patch_size=14)),
    )


def llava_next() -> Made:
    config = hf.LlavaNextConfig(
        vision_config=hf.CLIPVisionConfig(**CLIP),
        text_config=hf.LlamaConfig(**LANGUAGE),
        image_grid_pinpoints=GRIDS,
        image_token_index=10,
    )
    pictures = hf.LlavaNextImageProcessor(
        size={"shortest_edge": 112}, crop_size={"height": 112, "width": 112}, image_grid_pinpoints=GRIDS
    )
    strategy = {"vision_feature_select_strategy": "default", "num_additional_image_tokens": 1}
    return (
        hf.LlavaNextForConditionalGeneration(config),
        hf.LlavaNextProcessor(pictures, words(), patch_size=14, image_token=MARK, **strategy),
    )


def mllama() -> Made:
    config = hf.MllamaConfig(
        vision_config={
            "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 8, "num_global_layers": 3,
            "attention_heads": 12, "image_size": 112, "patch_size": 14, "vision_output_dim": 768 * 3,
            "intermediate_layers_indices": [2, 5], "max_num_tiles": 4, "supported_aspect_ratios": SHAPES,
        },
        text_config={**LANGUAGE, "cross_attention_layers": [2, 6], "rope_parameters": ROPE},
        image_token_index=10,
    )  # fmt: skip
    pictures = hf.MllamaImageProcessor(size={"height": 112, "width": 112}, max_image_tiles=4)
    return hf.MllamaForConditionalGeneration(config), hf.MllamaProcessor(pictures, words())


CASES = {
    "Qwen2-VL": Case(qwen, pictures=2, edge=224, times=2.0),
    "LLaVA-NeXT": Case(llava_next, pictures=1, edge=200, times=1.35),
    "Llama 3.2 Vision": Case(mllama, pictures=1, edge=224, times=2.4),
}


def measured(case: Case, folder: Path, turns: int) -> dict[str, float]:
    """Seconds of processor of a step without and with, and bytes that are kept of a picture."""
    torch.manual_seed(0)
    made, processor = case.make()
    made.save_pretrained(folder / "model")
    processor.save_pretrained(folder / "model")
    recipe = Recipe.model_validate({"objective": "vision", "lora": {"rank": 16, "alpha": 16}})
    base = load_base(str(folder / "model"), recipe, torch.device("cpu"))
    head = inspect(base)
    model = prepare(base, recipe, "here")
    model.train()
    optimizer = torch.optim.AdamW([value for value in model.parameters() if value.requires_grad], lr=0.0)
    kept = Kept(folder / "kept", fingerprint(folder / "model", "fp32"))
    ways = {"without": Showing.of(model, Eyes(processor)), "with": Showing.of(model, Eyes(processor), kept)}
    documents = _documents(case, ways["with"].eyes, folder)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    losses: set[float] = set()
    for turn in range(turns + 1):
        for name, way in ways.items():
            began = time.process_time()
            loss = batch_loss(model, way.collate(documents), way.head(head))
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            seconds[name] += [time.process_time() - began] if turn else []
            losses.add(loss.item())
    if len(losses) > 1:
        raise SystemExit(f"the losses differ: {losses}")
    return {name: median(every) for name, every in seconds.items()} | {"bytes": size(kept.folder) / case.pictures}


def _documents(case: Case, eyes: Eyes, folder: Path) -> list[Pictured]:
    chance, tokenizer = random.Random(0), eyes.processor.tokenizer
    found = []
    for at in range(case.pictures):
        path = folder / f"{at}.png"
        Image.frombytes("RGB", (case.edge, case.edge), chance.randbytes(3 * case.edge**2)).save(path)
        seen = tokenizer(eyes.words((case.edge, case.edge)), add_special_tokens=False)["input_ids"]
        if set(seen) != {10}:
            raise SystemExit(f"a picture is {seen[:5]}")
        text = [chance.randrange(20, 1000) for _ in range(TEXT)]
        tokens = torch.tensor([*text[:4], *seen, *text[4:]], dtype=torch.int32)
        found.append(Pictured(tokens, torch.arange(len(tokens)) >= len(tokens) - TEXT // 2, (path,)))
    return found


def main(arguments: list[str]) -> int:
    options = argparse.ArgumentParser(prog="benchmarks.cache")
    options.add_argument("--quick", action="store_true", help="one turn, no targets")
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args(arguments)
    torch.set_num_threads(1)
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    figures: dict[str, float] = {}
    targets: dict[str, Target] = {}
    for name, case in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            found = measured(case, Path(folder), 1 if chosen.quick else TURNS)
        figures |= {
            f"{name}: a step, s of processor": found["without"],
            f"{name}: with what was seen kept": found["with"],
            f"{name}: kept of a picture, KB": found["bytes"] / 1000,
        }
        targets[f"{name}: times as fast"] = Target(found["without"] / found["with"], case.times)
    return finish("cache", figures, {} if chosen.quick else targets)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
