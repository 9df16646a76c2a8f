"""Training speed against TRL's SFTTrainer: useful tokens per second of the same LoRA work, on one thread of a CPU.

    python -m benchmarks.train [--repeats 5] [--steps 16] [--json]

A Llama of 35M parameters (width 384, 6 layers, vocabulary 32,000, untied), LoRA of rank 16 on all linear layers, fp32,
no gradient checkpointing, batches of 4 out of 256 chats with log-normal lengths, of which 40 % is prompt. Ours is the
trainer that runs in jobs; TRL is measured with padding and with packing. Tokens are useful when they are no padding;
time is processor time from the end of one step to the end of the next, so collation counts, and the first steps do
not. Every run is a process of its own, the three kinds taking turns; ours has the environment that the supervisor gives
to jobs.
"""

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import torch
import transformers
from datasets import Dataset, disable_progress_bars
from peft import LoraConfig
from tokenizers import Tokenizer, models
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, TrainerCallback
from trl import SFTConfig, SFTTrainer

from backend.jobs.supervisor.start import UNLESS_SET
from backend.recipes.schema import Recipe
from backend.training.checkpoints import Checkpoints, Identity
from backend.training.loop.arguments import arguments
from backend.training.loop.course import Course
from backend.training.loop.trainer import StudioTrainer
from backend.training.network import attention
from backend.training.network.adapter import prepare
from backend.training.network.load import inspect, precision
from backend.training.text.batches import Document, Plan
from backend.training.watch import Watch
from benchmarks.common.report import Target, finish

VOCABULARY = 32_000
CHATS = 256
LONGEST = 512
BATCH = 4
WARM_UP = 2
TARGETS = {"times_packing": 2.8, "times_padding": 4.5}
Marks = list[tuple[float, int]]


def chats() -> list[tuple[list[int], int]]:
    """(tokens, length of the prompt) of each chat; the same on every machine."""
    draw = random.Random(0)
    found = []
    for _ in range(CHATS):
        length = max(16, min(LONGEST, int(draw.lognormvariate(4.4, 0.65))))
        found.append(([draw.randrange(3, VOCABULARY) for _ in range(length)], int(length * 0.4)))
    return found


def base(attention_name: str) -> LlamaForCausalLM:
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=384,
        intermediate_size=1024,
        num_hidden_layers=6,
        num_attention_heads=6,
        num_key_value_heads=6,
        pad_token_id=0,
    )
    torch.manual_seed(0)
    model: LlamaForCausalLM = LlamaForCausalLM._from_config(config, attn_implementation=attention_name)
    return model


def ours(steps: int) -> Marks:
    """The trainer of the studio; marks are (processor time, tokens so far) at the end of each step."""
    marks: Marks = []
    recipe = Recipe.model_validate(
        {
            "lora": {"rank": 16},
            "compute": {"precision": "fp32"},
            "batch": {"size": BATCH},
            "watching": {"save_every": 1_000_000},
        }
    )
    device = torch.device("cpu")
    documents = [
        Document(torch.tensor(tokens, dtype=torch.int32), torch.arange(len(tokens)) >= prompt)
        for tokens, prompt in chats()
    ]

    def say(event: Any) -> None:
        if event.type == "step":
            marks.append((time.process_time(), event.tokens))

    attention.register()
    network = base(attention.NAME)
    head = inspect(network)
    plan = Plan(documents=CHATS, effective=BATCH, micro=BATCH, epochs=1, seed=0, max_steps=steps)
    with tempfile.TemporaryDirectory() as folder:
        course = Course(
            plan=plan,
            documents=documents,
            held_out=[],
            head=head,
            watching=recipe.watching,
            checkpoints=Checkpoints(Path(folder), Identity({}, {}), keep=1),
            watch=Watch(say, device),
            answer=lambda step: None,
            stop_requested=lambda: None,
        )
        settings = arguments(recipe, plan, precision(recipe, device), device, checkpointing=False)
        StudioTrainer(prepare(network, recipe, "benchmark"), settings, course).go(None)
    return marks


def trl(steps: int, *, packing: bool) -> Marks:
    """TRL's trainer with its own collator; packed rows of 512 tokens go two at a time, about as many as in ours."""
    marks: Marks = []
    useful: list[int] = []

    class Clock(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            marks.append((time.process_time(), sum(useful[: len(marks) + 1])))

    words = Tokenizer(models.WordLevel({str(word): word for word in range(VOCABULARY)}, unk_token="1"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="0", eos_token="2")
    rows = [{"input_ids": tokens, "labels": [-100] * prompt + tokens[prompt:]} for tokens, prompt in chats()]
    with tempfile.TemporaryDirectory() as folder:
        settings = SFTConfig(
            output_dir=folder,
            per_device_train_batch_size=2 if packing else BATCH,
            max_steps=steps,
            packing=packing,
            max_length=LONGEST,
            bf16=False,
            gradient_checkpointing=False,
            use_cpu=True,
            report_to="none",
            save_strategy="no",
            logging_steps=1,
            disable_tqdm=True,
            dataloader_pin_memory=False,
        )
        trainer = SFTTrainer(
            model=base("sdpa"),
            args=settings,
            train_dataset=Dataset.from_list(rows),
            processing_class=tokenizer,
            peft_config=LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"),
            callbacks=[Clock()],
        )
        collate = trainer.data_collator

        def counted(features: list[dict[str, Any]]) -> Any:
            useful.append(sum(len(feature["input_ids"]) for feature in features))
            return collate(features)

        trainer.data_collator = counted
        trainer.train()
    return marks


KINDS: dict[str, Callable[[int], Marks]] = {
    "ours": ours,
    "packing": lambda steps: trl(max(WARM_UP + 2, steps // 2), packing=True),
    "padding": lambda steps: trl(steps, packing=False),
}


def alone(kind: str, steps: int) -> None:
    """One run in this process; the last line says useful tokens per second after the first steps, and peak memory."""
    with Path(os.devnull).open("w", encoding="utf-8") as nothing, redirect_stdout(nothing):
        marks = KINDS[kind](steps + WARM_UP)
    (began, before), (ended, after) = marks[WARM_UP - 1], marks[-1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"tokens_per_second": (after - before) / (ended - began), "peak_bytes": peak}))


def measure(kind: str, steps: int) -> dict[str, float]:
    """The figures of one run in a process of its own."""
    environment = {**UNLESS_SET, **os.environ} if kind == "ours" else {**os.environ}
    command = [sys.executable, "-m", "benchmarks.train", "--only", kind, "--steps", str(steps)]
    ran = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return found


def compare(repeats: int, steps: int) -> dict[str, float]:
    """Medians over `repeats` rounds in which the three kinds take turns."""
    rounds = []
    for number in range(repeats):
        rounds.append({kind: measure(kind, steps) for kind in KINDS})
        speeds = ", ".join(f"{kind} {found['tokens_per_second']:.0f}" for kind, found in rounds[-1].items())
        print(f"round {number + 1} of {repeats}: tokens per second: {speeds}", flush=True)
    figures: dict[str, float] = {}
    for kind in KINDS:
        for name in ("tokens_per_second", "peak_bytes"):
            figures[f"{kind}_{name}"] = round(statistics.median(found[kind][name] for found in rounds), 1)
    for other in ("packing", "padding"):
        ratios = [found["ours"]["tokens_per_second"] / found[other]["tokens_per_second"] for found in rounds]
        figures[f"times_{other}"] = round(statistics.median(ratios), 2)
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=16, help="measured steps of 4 chats in each run")
    parser.add_argument("--json", action="store_true", help="accepted for uniformity: JSON is the last line anyway")
    parser.add_argument("--only", choices=KINDS, help="one run of this kind, no comparison")
    options = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    disable_progress_bars()
    if options.only:
        alone(options.only, options.steps)
        return 0
    figures = compare(options.repeats, options.steps)
    return finish("train", figures, {name: Target(figures[name], wanted) for name, wanted in TARGETS.items()})


if __name__ == "__main__":
    raise SystemExit(main())
