"""Training on pictures in a process of its own: RoVLM's recipe on the same rows, in the same order, by us and by TRL.

The recipe is the one that ships (`rovlm-qwen2-vl`). A pass is `PASS` steps and shows every picture once; the first pass
is left out of the speed. Ours is the trainer that runs in jobs, with what the tower saw kept or without. TRL is given
the best attention that it finds here, and processes beside it that prepare its pictures.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, Image, List
from peft import LoraConfig
from transformers import AutoModelForImageTextToText, AutoProcessor, TrainerCallback
from trl import SFTConfig, SFTTrainer

from backend.paths import RECIPES
from backend.recipes import load
from backend.recipes.schema import Recipe
from backend.sight.eyes import Eyes
from backend.sight.kept import Kept, fingerprint, size
from backend.sight.load import load_processor
from backend.training.checkpoints import Checkpoints, Identity
from backend.training.loop.arguments import arguments
from backend.training.loop.course import Course
from backend.training.loop.trainer import StudioTrainer
from backend.training.network import optimizer
from backend.training.network.adapter import prepare
from backend.training.network.load import inspect, load_base, precision
from backend.training.pictures.chat import SightFormat, looked_at
from backend.training.pictures.showing import Showing
from backend.training.text.batches import Plan
from backend.training.watch import Watch
from benchmarks.card import meter
from benchmarks.card.learning import attention, now

PASS = 4
# Where TRL's adapter goes: every linear projection of the language model.
LANGUAGE = r".*language_model.*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
HELPERS = 2
Figures = dict[str, float]
Rows = list[dict[str, str]]


def published() -> Recipe:
    """RoVLM's recipe for Qwen2-VL."""
    return load.read(RECIPES / "rovlm" / "rovlm-qwen2-vl.yaml")


@dataclass(frozen=True)
class Study:
    """`model` is trained in batches of the recipe, `micro` rows at a time, for the first pass and `passes` more, or
    until these took `longest` seconds; `checkpointing`: activations made twice. `kept`: a folder for what was seen.
    """

    model: Path
    rows: Rows
    micro: int
    passes: int
    longest: float
    checkpointing: bool
    device: torch.device
    kept: Path

    @property
    def recipe(self) -> Recipe:
        return published()

    @property
    def plan(self) -> Plan:
        every, steps = len(self.rows), PASS * (1 + self.passes)
        return Plan(documents=every, effective=every // PASS, micro=self.micro, epochs=1, seed=0, max_steps=steps)


@dataclass
class Pace:
    """When each step ended, and what was lost and read until then."""

    study: Study
    marks: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    tokens: float = 0.0

    def step(self) -> None:
        self.marks.append(now(self.study.device))

    @property
    def over(self) -> bool:
        """Whether the steps behind the first pass took long enough."""
        return len(self.marks) > PASS and self.marks[-1] - self.marks[PASS - 1] > self.study.longest

    def figures(self) -> Figures:
        """`first_pass_steps_per_minute` leaves out the very first step, in which everything warms up."""
        first, later = self.marks[PASS - 1] - self.marks[0], self.marks[-1] - self.marks[PASS - 1]
        return {
            "steps_per_minute": 60 * (len(self.marks) - PASS) / later,
            "first_pass_steps_per_minute": 60 * (PASS - 1) / first,
            "measured_steps": len(self.marks) - PASS,
            "first_loss": self.losses[0],
            "tokens_per_row": self.tokens / (len(self.marks) * self.study.plan.effective),
        }


def run(way: str, study: Study) -> dict[str, Any]:
    """The figures of one way, memory in bytes, the most of the whole run; {"short": True} where a card's memory was."""
    gauge = meter.of(study.device)
    gauge.reset()
    try:
        return WAYS[way](study) | gauge.peak()
    except torch.OutOfMemoryError:
        return {"short": True}


def kept(study: Study) -> Figures:
    place = Kept(study.kept, fingerprint(study.model, str(study.device)))
    found = _ours(study, place)
    return found | {
        "looked": place.misses,
        "read_back": place.hits,
        "kept_bytes_a_picture": size(study.kept) / len(study.rows),
    }


def without(study: Study) -> Figures:
    return _ours(study, None)


def _ours(study: Study, place: Kept | None) -> Figures:
    recipe, plan, pace = study.recipe, study.plan, Pace(study)
    eyes = Eyes(load_processor(study.model))
    network = load_base(str(study.model), recipe, study.device)
    head = inspect(network)
    model: Any = prepare(network, recipe, str(study.model))
    showing = Showing.of(model, eyes, place)
    chat = SightFormat.seeing(eyes.processor.tokenizer, study.model.name, eyes)

    def say(event: Any) -> None:
        if event.type == "step":
            pace.step()
            pace.losses.append(event.loss)
            pace.tokens = event.tokens

    with tempfile.TemporaryDirectory() as folder:
        course = Course(
            plan=plan,
            documents=list(looked_at(map(_told, study.rows), chat, recipe.batch.max_length)),
            held_out=[],
            head=showing.head(head),
            watching=recipe.watching,
            checkpoints=Checkpoints(Path(folder), Identity({}, {}), keep=1),
            watch=Watch(say, study.device),
            answer=lambda step: None,
            stop_requested=lambda: "enough" if pace.over else None,
            recipe=recipe,
            collate=showing.collate,
        )
        kind = precision(recipe, study.device)
        settings = arguments(recipe, plan, kind, study.device, checkpointing=study.checkpointing)
        StudioTrainer(model, settings, course).go(None)
    return pace.figures() | _share(model) | {"packed": course.head.packed, "loss_in_chunks": course.head.plain}


def _told(row: dict[str, str]) -> dict[str, Any]:
    asked = [{"type": "image", "image": row["picture"]}, {"type": "text", "text": row["question"]}]
    return {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": row["answer"]}]}


def _share(model: Any) -> Figures:
    """Millions of trained numbers, and their share of the model in percent."""
    learned, every = model.get_nb_trainable_parameters()
    return {"trained_millions": learned / 1e6, "trained_percent": 100 * learned / (every - learned)}


class Listener(TrainerCallback):
    """Tells the pace what TRL's trainer does."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.pace.step()
        control.should_training_stop = control.should_training_stop or self.pace.over

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        if logs and "loss" in logs:
            self.pace.losses.append(float(logs["loss"]))
            self.pace.tokens = float(logs["num_tokens"])


def trl(study: Study) -> Figures:
    pace, lora = Pace(study), study.recipe.lora
    on_card = study.device.type == "cuda"
    model = AutoModelForImageTextToText.from_pretrained(
        study.model,
        dtype=torch.bfloat16 if on_card else torch.float32,
        attn_implementation=attention(),
        trust_remote_code=False,
        use_safetensors=True,
    )
    adapter = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=LANGUAGE,
        task_type="CAUSAL_LM",
    )
    with tempfile.TemporaryDirectory() as folder:
        trainer = SFTTrainer(
            model=model,
            args=SFTConfig(output_dir=folder, **_settings(study)),
            train_dataset=_dataset(study),
            processing_class=AutoProcessor.from_pretrained(study.model, trust_remote_code=False),
            peft_config=adapter,
            callbacks=[Listener(pace)],
        )
        trainer.train()
    return pace.figures() | _share(trainer.model)


def _settings(study: Study) -> dict[str, Any]:
    """What TRL is told of the recipe."""
    schedule, plan = study.recipe.schedule, study.plan
    return {
        "per_device_train_batch_size": plan.micro,
        "gradient_accumulation_steps": plan.accumulation,
        "max_steps": plan.steps,
        "learning_rate": schedule.learning_rate,
        "lr_scheduler_type": schedule.scheduler,
        "optim": optimizer.NAMES[schedule.optimizer],
        "weight_decay": schedule.weight_decay,
        "max_grad_norm": schedule.max_grad_norm,
        "adam_beta2": schedule.adam_beta2,
        "max_length": None,
        "bf16": study.device.type == "cuda",
        "gradient_checkpointing": study.checkpointing,
        "gradient_checkpointing_kwargs": {"use_reentrant": False} if study.checkpointing else None,
        "use_cpu": study.device.type == "cpu",
        "train_sampling_strategy": "sequential",
        "dataloader_num_workers": HELPERS,
        "report_to": "none",
        "save_strategy": "no",
        "logging_steps": 1,
        "disable_tqdm": True,
    }


def _dataset(study: Study) -> Dataset:
    """The rows in the order in which ours learns them, step by step."""
    places = [place for at in range(study.plan.steps) for micro in study.plan.step(at) for place in micro]
    every = [study.rows[place] for place in places]
    told = [
        {
            "images": [row["picture"]],
            "prompt": [{"role": "user", "content": row["question"]}],
            "completion": [{"role": "assistant", "content": row["answer"]}],
        }
        for row in every
    ]
    return Dataset.from_list(told).cast_column("images", List(Image()))


WAYS: dict[str, Callable[[Study], Figures]] = {"trl": trl, "without": without, "kept": kept}
