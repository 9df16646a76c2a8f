"""Two ranks that share each step learn what one rank learns from all of it, however unequal their shares are."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from backend.paths import ROOT
from backend.recipes.schema import Recipe
from backend.training.checkpoints import Checkpoints, Identity
from backend.training.loop.arguments import arguments
from backend.training.loop.course import Course
from backend.training.loop.trainer import StudioTrainer
from backend.training.network import attention
from backend.training.network.adapter import prepare
from backend.training.network.load import Precision, inspect
from backend.training.text.batches import Document, Plan
from backend.training.watch import Watch

CPU = torch.device("cpu")


def _train(rank: int, ranks: int, folder: Path) -> int:
    """Three steps of six documents of very different lengths; writes (loss, norm of the gradient) of each step."""
    attention.register()
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=90, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4
    )
    base = LlamaForCausalLM._from_config(config, attn_implementation=attention.NAME)
    recipe = Recipe.model_validate({"schedule": {"max_steps": 3}, "watching": {"save_every": 100, "eval_every": 100}})
    documents = [
        Document(torch.randint(0, 90, (n,), dtype=torch.int32), torch.arange(n) > n // 4) for n in (4, 40, 7, 25, 3, 60)
    ]
    plan = Plan(documents=6, effective=6, micro=2, epochs=1, max_steps=3, seed=0, rank=rank, ranks=ranks)
    steps = []

    def say(event):
        if event.type == "step":
            steps.append((event.loss, event.grad_norm))

    course = Course(
        plan=plan,
        documents=documents,
        held_out=[],
        head=inspect(base),
        watching=recipe.watching,
        checkpoints=Checkpoints(folder, Identity({}, {}), keep=1),
        watch=Watch(say, CPU),
        answer=lambda step: None,
        stop_requested=lambda: None,
    )
    settings = arguments(recipe, plan, Precision(torch.float32, torch.float32), CPU, checkpointing=False)
    StudioTrainer(prepare(base, recipe, "here"), settings, course).go(None)
    (folder / f"{rank}-of-{ranks}.json").write_text(json.dumps(steps), encoding="utf-8")
    return 0


def main(rank: int, port: int, folder: Path) -> int:
    """One of two processes of a run, as torchrun would start it."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "ACCELERATE_USE_CPU": "true"}
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", rank=rank, world_size=2)
    return _train(rank, 2, folder)


def test_two_ranks_take_the_steps_of_one(tmp_path):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = str(listener.getsockname()[1])
    command = [sys.executable, "-m", "tests.backend.test_training_ranks"]
    # Processes of their own, not forks: a fork of a process that has used OpenMP may wait for ever.
    ranks = [subprocess.Popen([*command, str(rank), port, str(tmp_path)], cwd=ROOT) for rank in range(2)]
    assert _train(0, 1, tmp_path) == 0
    assert [rank.wait() for rank in ranks] == [0, 0]
    alone, first, second = (
        json.loads((tmp_path / name).read_text(encoding="utf-8"))
        for name in ("0-of-1.json", "0-of-2.json", "1-of-2.json")
    )
    assert first == second
    for wanted, got in zip(alone, first, strict=True):
        assert got == pytest.approx(wanted, rel=1e-4)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
