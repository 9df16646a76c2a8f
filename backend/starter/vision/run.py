"""Makes a vision starter from nothing: `python -m backend.starter.vision.run --out DIR --seed N`."""

import argparse
import json
import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch
from transformers import LlavaForConditionalGeneration, LlavaProcessor, PreTrainedTokenizerFast

from backend.paths import write_atomically
from backend.starter.vision.language import Lessons, train_language
from backend.starter.vision.model import load, make_tokenizer, new_model, new_processor
from backend.starter.vision.scoring import EXAMS, exact_match, questions
from backend.starter.vision.tower import STEPS, train_tower

log = logging.getLogger(__name__)

RECORD = "made.json"  # how a model was made, beside its weights; written last
TAUGHT = ("en", "it")
SCENES = 300  # of dev, asked in the end


def make(folder: Path, *, seed: int, tower_steps: int = STEPS, lessons: Lessons | None = None) -> float:
    """Train tokenizer and model with `seed`, save both in `folder`, and say how many seconds of processor it took."""
    began = time.process_time()
    lessons = lessons or Lessons()
    torch.manual_seed(seed)
    tokenizer = make_tokenizer()
    model = new_model(tokenizer)
    train_tower(model, seed, tower_steps, _report("pictures"))
    train_language(model, tokenizer, seed, lessons, _report("language"))
    took = time.process_time() - began
    save(model, tokenizer, folder)
    record = {
        "seed": seed,
        "steps": {"tower": tower_steps, "language": lessons.steps},
        "cpu_seconds": round(took, 1),
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {name: version(name) for name in ("torch", "transformers", "tokenizers")},
    }
    write_atomically(folder / RECORD, json.dumps(record, indent=2) + "\n")
    return took


def save(model: LlavaForConditionalGeneration, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Weights as float16 to halve the file; the config asks for float32, so every loader computes in that."""
    folder.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(folder)
    model.float()
    config = folder / "config.json"
    values = json.loads(config.read_text("utf-8")) | {"dtype": "float32"}
    for part in ("text_config", "vision_config"):
        values[part] |= {"dtype": "float32"}
    config.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", "utf-8")
    new_processor(tokenizer).save_pretrained(folder)


def scores(model: LlavaForConditionalGeneration, processor: LlavaProcessor) -> dict[str, dict[str, float]]:
    """Exact match on dev by exam, then by language and kind."""
    return {
        name: {
            group: round(share, 3)
            for group, share in exact_match(model, processor, list(questions("dev", exam, TAUGHT, SCENES))).items()
        }
        for name, exam in EXAMS.items()
    }


def _report(stage: str) -> Callable[[int, float], None]:
    def report(step: int, loss: float) -> None:
        if step % 100 == 0:
            log.info("%s: step %d, loss %.3f", stage, step, loss)

    return report


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Make a vision starter from nothing.")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=Lessons.steps, help="of the language stage")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    seconds = make(given.out, seed=given.seed, lessons=Lessons(steps=given.steps))
    log.info("%.0f seconds of processor", seconds)
    log.info("exact match on dev: %s", json.dumps(scores(*load(given.out)), indent=2))


if __name__ == "__main__":
    main()
