"""Parts b and c, one trainer in a process of its own: tokens per second and peak memory of the same LoRA or QLoRA work.

Every document has the same length, so nobody pads; 40 % of it is prompt, of which nobody learns. Ours is the trainer
that runs in jobs. TRL is given packing without padding and the best attention that it finds here; Unsloth its own
loader and kernels, when it is installed.
"""

import importlib.util
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from datasets import Dataset
from peft import LoraConfig, prepare_model_for_kbit_training
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, TrainerCallback
from trl import SFTConfig, SFTTrainer

from backend.recipes.schema import Recipe
from backend.training.checkpoints import Checkpoints, Identity
from backend.training.loop.arguments import arguments
from backend.training.loop.course import Course
from backend.training.loop.trainer import StudioTrainer
from backend.training.network.adapter import prepare
from backend.training.network.load import inspect, load_base, precision
from backend.training.text.batches import Document, Plan
from backend.training.watch import Watch
from benchmarks.card import meter

Method = Literal["lora", "qlora"]
Marks = list[float]
RANK, PROMPT, WARM_UP = 16, 0.4, 3


@dataclass(frozen=True)
class Task:
    """`micro` documents of `length` tokens a step, `steps` measured ones; `checkpointing`: activations made twice."""

    folder: Path
    method: Method
    length: int
    micro: int
    steps: int
    checkpointing: bool
    device: torch.device

    @property
    def total(self) -> int:
        return self.steps + WARM_UP

    @property
    def bf16(self) -> bool:
        return self.device.type == "cuda"

    @property
    def recipe(self) -> Recipe:
        return Recipe.model_validate(
            {
                "method": self.method,
                "lora": {"rank": RANK, "alpha": RANK, "dropout": 0.0},
                "batch": {"size": self.micro, "max_length": self.length},
                "compute": {"gradient_checkpointing": "on" if self.checkpointing else "off"},
                "watching": {"save_every": 1_000_000},
            }
        )

    def documents(self, vocabulary: int) -> list[list[int]]:
        chance = torch.Generator().manual_seed(0)
        drawn = torch.randint(3, vocabulary, (self.micro * self.total, self.length), generator=chance)
        found: list[list[int]] = drawn.tolist()
        return found


def run(trainer: str, task: Task) -> dict[str, float]:
    """{"tokens_per_second", "allocated", "reserved", "process"}: bytes are the most of the whole run."""
    gauge = meter.of(task.device)
    gauge.reset()
    marks = TRAINERS[trainer](task)
    seconds = marks[-1] - marks[WARM_UP - 1]
    return {"tokens_per_second": task.steps * task.micro * task.length / seconds} | gauge.peak()


def ours(task: Task) -> Marks:
    marks: Marks = []
    recipe = task.recipe
    network = load_base(str(task.folder), recipe, task.device)
    head = inspect(network)
    learned = torch.arange(task.length) >= int(task.length * PROMPT)
    rows = task.documents(network.config.vocab_size)
    documents = [Document(torch.tensor(row, dtype=torch.int32), learned) for row in rows]
    plan = Plan(documents=len(rows), effective=task.micro, micro=task.micro, epochs=1, seed=0, max_steps=task.total)

    def say(event: Any) -> None:
        if event.type == "step":
            marks.append(now(task.device))

    with tempfile.TemporaryDirectory() as folder:
        course = Course(
            plan=plan,
            documents=documents,
            held_out=[],
            head=head,
            watching=recipe.watching,
            checkpoints=Checkpoints(Path(folder), Identity({}, {}), keep=1),
            watch=Watch(say, task.device),
            answer=lambda step: None,
            stop_requested=lambda: None,
        )
        kind = precision(recipe, task.device)
        settings = arguments(recipe, plan, kind, task.device, checkpointing=task.checkpointing)
        StudioTrainer(prepare(network, recipe, str(task.folder)), settings, course).go(None)
    return marks


class Clock(TrainerCallback):
    """The time at the end of each step."""

    def __init__(self, device: torch.device) -> None:
        self.marks: Marks = []
        self.device = device

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.marks.append(now(self.device))


def trl(task: Task) -> Marks:
    options: dict[str, Any] = {"dtype": torch.bfloat16 if task.bf16 else torch.float32}
    if task.method == "qlora":
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=options["dtype"],
        )
        options["device_map"] = {"": task.device}
    model = AutoModelForCausalLM.from_pretrained(
        task.folder, attn_implementation=attention(), trust_remote_code=False, use_safetensors=True, **options
    )
    if task.method == "qlora":
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=task.checkpointing)
    adapter = LoraConfig(r=RANK, lora_alpha=RANK, target_modules="all-linear", task_type="CAUSAL_LM")
    return _sft(model, task, adapter)


def unsloth(task: Task) -> Marks:
    """Unsloth's own way (its documentation, "Fine-tuning Guide"): its loader, its adapter, TRL's trainer patched."""
    fast = importlib.import_module("unsloth").FastLanguageModel
    model, _ = fast.from_pretrained(
        str(task.folder), max_seq_length=task.length, load_in_4bit=task.method == "qlora", dtype=torch.bfloat16
    )
    model = fast.get_peft_model(
        model, r=RANK, lora_alpha=RANK, lora_dropout=0,
        use_gradient_checkpointing="unsloth" if task.checkpointing else False,
    )  # fmt: skip
    return _sft(model, task, None)


def _sft(model: Any, task: Task, adapter: LoraConfig | None) -> Marks:
    """TRL's trainer over the same documents."""
    clock = Clock(task.device)
    prompt = int(task.length * PROMPT)
    rows = [
        {"input_ids": row, "labels": [-100] * prompt + row[prompt:]} for row in task.documents(model.config.vocab_size)
    ]
    with tempfile.TemporaryDirectory() as folder:
        settings = SFTConfig(
            output_dir=folder,
            per_device_train_batch_size=task.micro,
            max_steps=task.total,
            packing=True,
            max_length=task.length,
            bf16=task.bf16,
            gradient_checkpointing=task.checkpointing,
            use_cpu=task.device.type == "cpu",
            report_to="none",
            save_strategy="no",
            logging_steps=1,
            disable_tqdm=True,
        )
        trainer = SFTTrainer(
            model=model,
            args=settings,
            train_dataset=Dataset.from_list(rows),
            processing_class=AutoTokenizer.from_pretrained(task.folder, trust_remote_code=False),
            peft_config=adapter,
            callbacks=[clock],
        )
        trainer.train()
    return clock.marks


def attention() -> str:
    """The best that is installed: FlashAttention 2, else that of torch."""
    return "flash_attention_2" if importlib.util.find_spec("flash_attn") else "sdpa"


def now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


TRAINERS: dict[str, Callable[[Task], Marks]] = {"ours": ours, "trl": trl, "unsloth": unsloth}


def installed(trainer: str) -> bool:
    return trainer != "unsloth" or importlib.util.find_spec("unsloth") is not None
