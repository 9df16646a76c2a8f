"""What only an NVIDIA card can show: `python3 launch.py test -m gpu`; each test is skipped where there is none."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from backend.paths import ROOT
from backend.training.network import attention

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA card here"),
]


def test_packed_attention_on_the_card_equals_each_document_alone() -> None:
    generator = torch.Generator("cuda").manual_seed(0)
    lengths = [5, 1, 33, 128]
    shape = (1, 4, sum(lengths), 64)
    states = [torch.randn(shape, device="cuda", dtype=torch.bfloat16, generator=generator) for _ in range(3)]
    bounds = torch.tensor([0, *torch.tensor(lengths).cumsum(0).tolist()], device="cuda", dtype=torch.int32)
    packed, _ = attention.attend(
        torch.nn.Identity(), *states, None, cu_seq_lens_q=bounds, max_length_q=max(lengths), scaling=0.125
    )
    alone = attention._each_document(*(s.float() for s in states), bounds, {"scaling": 0.125})
    torch.testing.assert_close(packed.float(), alone, atol=2e-2, rtol=2e-2)


def trained(workspace: Path, recipe: str, *changes: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "backend.cli", "train", recipe, "--workspace", str(workspace), "--json"]
    settings = [word for change in ("schedule.max_steps=60", *changes) for word in ("--set", change)]
    done = subprocess.run([*command, *settings], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("recipe", ["starter-lora", "starter-qlora", "starter-full"])
def test_every_recipe_trains_on_the_card(tmp_path: Path, recipe: str) -> None:
    found = trained(tmp_path, recipe)
    assert found["state"] == "done"
    assert found["steps"] == 60
    assert 0 < found["peak_memory_bytes"] < 4e9
    assert found["eval_loss"] < 2.0


def test_the_forecast_is_near_the_measured_peak_of_the_card(tmp_path: Path) -> None:
    found = trained(tmp_path, "starter-lora")
    assert found["forecast_memory_bytes"] == pytest.approx(found["peak_memory_bytes"], rel=0.5)
