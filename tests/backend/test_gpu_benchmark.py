"""The benchmark for cards, tried out on a model that a processor trains in seconds."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from backend.paths import ROOT
from backend.recipes.schema import Recipe
from backend.training.network.load import load_base, quantised
from benchmarks import gpu
from benchmarks.card import weights
from benchmarks.card.weights import SIZES

CPU = torch.device("cpu")


def test_a_checkpoint_in_four_bits_loads_as_what_it_was_rounded_from(tmp_path: Path):
    weights.write(tmp_path / "whole", SIZES["tiny"], CPU)
    weights.write(tmp_path / "packed", SIZES["tiny"], CPU, quantised=True)
    recipe = Recipe.model_validate({"method": "qlora", "compute": {"precision": "fp32"}})
    words = torch.arange(3, 40)[None]
    with torch.no_grad(), pytest.warns(UserWarning, match="quantization_config"):
        packed = load_base(str(tmp_path / "packed"), recipe, CPU)
    with torch.no_grad():
        rounded = load_base(str(tmp_path / "whole"), recipe, CPU)
        assert len(quantised(packed)) == len(quantised(rounded)) == 7 * SIZES["tiny"].layers
        assert torch.allclose(packed(words).logits.float(), rounded(words).logits.float(), atol=2e-2)


def test_seven_billion_numbers_are_counted_as_the_paper_counts_them():
    size = SIZES["7b"]
    tables_and_norms = 2 * size.hidden * size.vocabulary + (2 * size.layers + 1) * size.hidden
    assert size.linear_weights + tables_and_norms == 6_738_415_616


def test_without_a_card_the_large_sizes_are_refused_in_a_sentence(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["gpu", "a", "--device", "cpu"])
    assert gpu.main() == 1
    assert "--size tiny" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize(("part", "figure"), [
    ("a", "nf4_double_m2_100x2_process_gb"), ("b", "qlora_times_trl"), ("c", "tiny_off"),
])  # fmt: skip
def test_each_part_prints_its_figures(part: str, figure: str):
    command = [sys.executable, "-m", "benchmarks.gpu", part, "--size", "tiny", "--device", "cpu"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout.splitlines()[-1])["figures"][figure] is not None
