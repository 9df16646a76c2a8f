"""A recipe in transformers' words."""

from dataclasses import fields
from tempfile import gettempdir
from typing import Any

import torch
from transformers import TrainingArguments

from backend.recipes.schema import Recipe
from backend.training.network import optimizer
from backend.training.network.load import Precision
from backend.training.text.batches import Plan


def arguments(
    recipe: Recipe, plan: Plan, precision: Precision, device: torch.device, *, checkpointing: bool
) -> TrainingArguments:
    """The recipe in transformers' words; what we do ourselves (logging, evaluation, checkpoints) is off."""
    return TrainingArguments(**values(recipe, plan, precision, device, checkpointing=checkpointing))


def values(
    recipe: Recipe, plan: Plan, precision: Precision, device: torch.device, *, checkpointing: bool
) -> dict[str, Any]:
    """The same by name, for the arguments of another library's trainer."""
    return dict(
        output_dir=gettempdir(),
        max_steps=plan.steps,
        per_device_train_batch_size=plan.micro,
        gradient_accumulation_steps=plan.accumulation,
        learning_rate=recipe.schedule.learning_rate,
        optim=optimizer.NAMES[recipe.schedule.optimizer],
        lr_scheduler_type=recipe.schedule.scheduler,
        lr_scheduler_kwargs=optimizer.schedule(recipe, plan.steps),
        warmup_steps=_warmup(recipe, plan),
        weight_decay=recipe.schedule.weight_decay,
        max_grad_norm=recipe.schedule.max_grad_norm,
        adam_beta2=recipe.schedule.adam_beta2,
        bf16=precision.autocast,
        **_checkpointing(on=checkpointing),
        use_cpu=device.type == "cpu",
        seed=recipe.compute.seed,
        logging_nan_inf_filter=False,
        logging_strategy="no",
        save_strategy="no",
        eval_strategy="no",
        report_to="none",
        disable_tqdm=True,
        log_level="error",
        ignore_data_skip=True,
        remove_unused_columns=False,
        dataloader_pin_memory=False,
    )


def _warmup(recipe: Recipe, plan: Plan) -> int:
    """Steps in which the rate rises; as many as are named, else the share of all."""
    named = recipe.schedule.warmup_steps
    return min(plan.steps, named) if named is not None else round(recipe.schedule.warmup_ratio * plan.steps)


def _checkpointing(*, on: bool) -> dict[str, Any]:
    """transformers called it gradient checkpointing before 5.23."""
    known = {one.name for one in fields(TrainingArguments)}
    name = "activation_checkpointing" if "activation_checkpointing" in known else "gradient_checkpointing"
    return {name: on, f"{name}_kwargs": {"use_reentrant": False} if on else None}
