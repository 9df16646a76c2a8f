"""Train, chat and list without a page, as `launch.py` does: real processes, the shipped starter, the shipped recipe."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from backend.jobs.folder import RunFolder
from backend.paths import ROOT, SHIPPED_MODELS

QUESTION = "Câte picioare are pinguinul?"


def command(*words: str) -> tuple[int, dict[str, Any], str]:
    """The exit status, the JSON of the last line of output, and what was said to a person."""
    done = subprocess.run(
        [sys.executable, "-m", "backend.cli", *words, "--json"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
        check=False,
        timeout=110,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout.splitlines()[-1]), done.stderr


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """A workspace in which `starter-lora` was trained for twenty steps, its answer, and what was said meanwhile."""
    workspace = tmp_path_factory.mktemp("headless") / "workspace"
    settings = ("--set", "schedule.max_steps=20", "--set", "watching.answer_every=1000")
    code, answer, said = command("train", "starter-lora", "--name", "primul", "--workspace", str(workspace), *settings)
    assert code == 0, said
    return workspace, answer, said


def test_train_answers_with_all_its_figures(trained: tuple[Path, dict[str, Any], str]) -> None:
    workspace, answer, said = trained
    assert answer["run"] == "primul"
    assert answer["state"] == "done"
    assert answer["steps"] == 20
    assert 0 < answer["eval_loss"] < 5
    assert answer["seconds"] > 0
    assert answer["peak_memory_bytes"] > 300e6
    assert answer["forecast_memory_bytes"] > 300e6
    assert Path(answer["adapter"]).is_absolute()
    assert Path(answer["adapter"]).is_relative_to(workspace)
    assert "20/20" in said


def test_the_adapter_loads_with_plain_peft(trained: tuple[Path, dict[str, Any], str]) -> None:
    _, answer, _ = trained
    base = AutoModelForCausalLM.from_pretrained(SHIPPED_MODELS / "starter", use_safetensors=True)
    tokens = torch.tensor([[5, 6, 7]])
    before = base(tokens).logits
    tuned = PeftModel.from_pretrained(base, answer["adapter"])
    assert not torch.allclose(tuned(tokens).logits, before)


def test_the_log_ends_with_how_it_ended(trained: tuple[Path, dict[str, Any], str]) -> None:
    """And not with what libraries say of their own objects while Python ends."""
    _, answer, _ = trained
    folder = next(one for one in Path(answer["adapter"]).parents if (one / "log.txt").exists())
    with RunFolder(folder).lock().acquire(timeout=30):
        pass
    time.sleep(2)  # its process may still be ending
    assert (folder / "log.txt").read_text("utf-8").splitlines()[-1].endswith("attempt 1 ended: done")


def test_a_run_is_listed(trained: tuple[Path, dict[str, Any], str]) -> None:
    workspace, answer, _ = trained
    code, listed, _ = command("runs", "--workspace", str(workspace))
    assert code == 0
    assert [run["run"] for run in listed["runs"]] == ["primul"]
    assert listed["runs"][0]["adapter"] == answer["adapter"]


def test_base_and_run_answer_a_question(trained: tuple[Path, dict[str, Any], str]) -> None:
    workspace, _, _ = trained
    code, base, _ = command(
        "chat", "starter", "--prompt", "What is the capital of Italy?", "--workspace", str(workspace)
    )
    assert code == 0
    assert base["reply"] == "The capital of Italy is Rome."
    assert base["tokens"] > 3
    code, tuned, _ = command("chat", "primul", "--prompt", QUESTION, "--workspace", str(workspace))
    assert code == 0
    assert tuned["reply"]
    assert tuned["seconds"] > 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("train", "starter-lora", "--set", "lora.rank=0"), "Rank must be 1–256."),
        (("train", "no-such-recipe"), "no-such-recipe"),
        (("chat", "nobody", "--prompt", "x"), "nobody"),
        (("train", "starter-lora", "--name", "../x"), '"/" is not allowed'),
    ],
)
def test_what_cannot_be_done_is_one_sentence(words: tuple[str, ...], sentence: str, tmp_path: Path) -> None:
    code, answer, said = command(*words, "--workspace", str(tmp_path / "workspace"))
    assert code == 1
    assert sentence in answer["error"]
    assert "Traceback" not in said
