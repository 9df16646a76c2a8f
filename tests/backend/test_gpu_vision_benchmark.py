"""The benchmark of learning from pictures on cards, tried out on a model that a processor trains in seconds."""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as hf
from peft import LoraConfig, get_peft_model
from PIL import Image

from backend.paths import ROOT
from backend.sight.eyes import Eyes
from backend.sight.load import load_processor
from backend.training.network.adapter import prepare
from benchmarks import gpu_vision
from benchmarks.card import album, sighted, studying

CPU = torch.device("cpu")
TOLD = {"steps_per_minute": 20.0, "first_pass_steps_per_minute": 10.0, "allocated": 17e9}


def test_as_much_is_trained_as_the_paper_says_and_by_both() -> None:
    tokenizer = sighted.words(f"{sighted.BEGIN}{sighted.MARK}{sighted.END}")
    config = sighted.SHAPES["7b"].config(tokenizer)
    recipe = studying.published()
    other = LoraConfig(r=recipe.lora.rank, target_modules=studying.LANGUAGE)
    for way in (lambda base: prepare(base, recipe, "nowhere"), lambda base: get_peft_model(base, other)):
        with torch.device("meta"):
            model: Any = way(hf.Qwen2VLForConditionalGeneration(config))
        share = studying._share(model)
        assert share["trained_millions"] == pytest.approx(40.37, abs=0.005)
        assert share["trained_percent"] == pytest.approx(0.485, abs=0.006)


def test_a_checkpoint_is_whole_and_its_processor_sees_a_photo_as_the_real_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sighted, "PART", 300_000)
    sighted.write(tmp_path, sighted.SHAPES["tiny"], CPU)
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    _, info = hf.Qwen2VLForConditionalGeneration.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info[name] for name in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    eyes = Eyes(load_processor(tmp_path))
    size = sighted.SHAPES["7b"].picture
    assert eyes.words(size).count(sighted.MARK) == 234
    assert eyes.inputs(Image.new("RGB", size))["pixel_values"].shape[0] == 936


def test_the_same_pictures_are_drawn_each_time(tmp_path: Path) -> None:
    first, again = (album.rows(tmp_path / name, 8, (112, 84)) for name in ("a", "b"))
    for one, other in zip(first, again, strict=True):
        assert (one["question"], one["answer"]) == (other["question"], other["answer"])
        assert Path(one["picture"]).read_bytes() == Path(other["picture"]).read_bytes()
    assert len({Path(one["picture"]).read_bytes() for one in first}) == 8
    assert Image.open(first[0]["picture"]).size == (112, 84)


def test_both_learn_the_same_rows_in_the_same_steps(tmp_path: Path) -> None:
    rows = album.rows(tmp_path, 64, (28, 28))
    study = studying.Study(tmp_path, rows, 8, 2, 60.0, checkpointing=True, device=CPU, kept=tmp_path / "kept")
    plan = study.plan
    assert (plan.effective, plan.accumulation, plan.steps) == (16, 2, 12)
    every = [place for step in range(plan.steps) for micro in plan.step(step) for place in micro]
    assert all(sorted(every[at : at + 64]) == list(range(64)) for at in (0, 64, 128))
    given = studying._dataset(study)
    assert given["prompt"][3][0]["content"] == rows[every[3]]["question"]
    told = studying._settings(study)
    assert (told["learning_rate"], told["lr_scheduler_type"], told["max_steps"]) == (2e-4, "linear", 12)
    assert told["train_sampling_strategy"] == "sequential"


def test_where_memory_is_short_every_way_takes_fewer_rows_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    def child(module: str, *words: str) -> dict[str, Any]:
        way, micro = words[words.index("--way") + 1], words[words.index("--micro") + 1]
        asked.append((way, micro))
        return {"short": True} if (way, micro) in {("trl", "16"), ("without", "8")} else dict(TOLD)

    monkeypatch.setattr(gpu_vision, "child", child)
    options = argparse.Namespace(size="7b", device="cuda:0", micro=16, passes=5, checkpointing="on")
    micro, found = gpu_vision.measured(tmp_path, options)
    assert (micro, set(found)) == (4, set(studying.WAYS))
    assert asked[:3] == [("trl", "16"), ("trl", "8"), ("without", "8")]
    assert asked[3:] == [(way, "4") for way in studying.WAYS]


def test_hours_are_told_beside_those_of_the_paper() -> None:
    said = gpu_vision.figures(
        {way: dict(TOLD) for way in studying.WAYS} | {"kept": TOLD | {"steps_per_minute": 25}}, 500
    )
    assert said["trl_hours_for_500_steps"] == pytest.approx(500 / 20 / 60, abs=1e-3)
    assert said["kept_hours_for_500_steps_of_a_first_pass"] == pytest.approx(500 / 10 / 60, abs=1e-3)
    assert (said["kept_times_trl"], said["without_times_trl"], said["trl_allocated_gb"]) == (1.25, 1.0, 17.0)
    assert said["paper_hours_for_500_steps_on_an_a100"] == 4.7


def test_without_a_card_the_real_size_is_refused_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["gpu_vision", "--device", "cpu"])
    assert gpu_vision.main() == 1
    assert "--size tiny" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_it_prints_its_figures() -> None:
    command = [sys.executable, "-m", "benchmarks.gpu_vision", "--size", "tiny", "--passes", "1", "--device", "cpu"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(ran.stdout.splitlines()[-1])["figures"]
    assert found["kept_first_loss"] == found["without_first_loss"] == pytest.approx(found["trl_first_loss"], rel=0.02)
    assert found["kept_tokens_per_row"] == found["trl_tokens_per_row"]
    assert (found["kept_looked"], found["kept_read_back"]) == (64, 64)
    assert (found["kept_packed"], found["kept_loss_in_chunks"]) == (1, 1)
