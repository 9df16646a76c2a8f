"""Makes a starter model from nothing: `python -m backend.starter.run --out DIR --seed N [--no-romanian]`."""

import argparse
import json
import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from backend.paths import write_atomically
from backend.starter.pretraining import Pretraining, pretrain
from backend.starter.scoring import exact_match
from backend.starter.splits import splits
from backend.starter.tokenizer import make_tokenizer

log = logging.getLogger(__name__)

LONGEST_REPLY = 64  # tokens
RECORD = "made.json"  # how a model was made, beside its weights; written last


def make(folder: Path, *, seed: int, romanian: bool = True, steps: int = Pretraining.steps) -> float:
    """Train tokenizer and model with `seed`, save both in `folder`, and say how many seconds of processor it took."""
    began = time.process_time()
    chats = splits().train
    tokenizer = make_tokenizer(text for chat in chats for text in (chat.question, chat.answer))
    model = pretrain(chats, tokenizer, seed, Pretraining(romanian=romanian, steps=steps), _report)
    took = time.process_time() - began
    save(model, tokenizer, folder)
    record = {
        "seed": seed,
        "romanian": romanian,
        "steps": steps,
        "cpu_seconds": round(took, 1),
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {name: version(name) for name in ("torch", "transformers", "tokenizers")},
    }
    write_atomically(folder / RECORD, json.dumps(record, indent=2) + "\n")
    return took


def save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Weights as float16 to halve the file; the config asks for float32, so every loader computes in that."""
    folder.mkdir(parents=True, exist_ok=True)
    model.generation_config = GenerationConfig(
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        do_sample=False,
        max_new_tokens=LONGEST_REPLY,
    )
    model.half().save_pretrained(folder)
    config = folder / "config.json"
    values = json.loads(config.read_text("utf-8")) | {"dtype": "float32"}
    config.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", "utf-8")
    tokenizer.save_pretrained(folder)
    model.float()


def load(folder: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """A saved starter, in float32."""
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, trust_remote_code=False, use_safetensors=True, local_files_only=True
    )
    return model, AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)


def _report(step: int, loss: float, _: LlamaForCausalLM) -> None:
    if step % 250 == 0:
        log.info("step %d, loss %.3f", step, loss)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Make a starter model from nothing.")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-romanian", action="store_true", help="leave out the plain Romanian sentences")
    parser.add_argument("--steps", type=int, default=Pretraining.steps)
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    seconds = make(given.out, seed=given.seed, romanian=not given.no_romanian, steps=given.steps)
    log.info("%.0f seconds of processor", seconds)
    log.info("exact match on dev: %s", dev_scores(given.out))


def dev_scores(folder: Path) -> dict[str, float]:
    """Exact match of a saved model on the new wordings of dev, by language."""
    model, tokenizer = load(folder)
    scores = exact_match(model, tokenizer, splits().dev.new_wordings)
    return {group: round(score, 3) for group, score in scores.items() if " " not in group}


if __name__ == "__main__":
    main()
