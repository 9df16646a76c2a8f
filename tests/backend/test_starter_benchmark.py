"""The starter's benchmark: what it measures in which order, how seeds are summed up, and going on where it was."""

import json
from pathlib import Path

from benchmarks import starter
from benchmarks.starter import Part


def test_what_has_targets_is_measured_first_and_with_every_seed() -> None:
    found = list(starter.parts([0, 1, 2], beside=1))
    assert [part.name for part in found[:3]] == ["starter", "starter-lora", "starter-mixed"]
    assert [part.seed for part in found[:9]] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert [part.name for part in found[9:]] == [
        "starter-qlora",
        "starter-full",
        "starter-no-romanian",
        "starter-no-romanian+starter-lora",
    ]
    assert len(list(starter.parts([0, 1, 2], beside=3))) == 21


def test_seeds_are_summed_up_with_their_range() -> None:
    lora, once = (Part("starter", recipe, 0) for recipe in ("starter-lora", "starter-full"))
    figures = starter.summary([(lora, {"ro": 0.9}), (lora, {"ro": 1.0}), (once, {"ro": 0.5})])
    assert figures == {
        "starter-lora_ro": 0.95,
        "starter-lora_ro_lowest": 0.9,
        "starter-lora_ro_highest": 1.0,
        "starter-full_ro": 0.5,
    }


def test_the_worst_seed_has_to_meet_a_target() -> None:
    names = ("starter_ro", "starter-lora_ro", "starter-lora_cpu_seconds", "starter-mixed_en", "starter-mixed_it")
    figures = dict.fromkeys(names, 0.9) | {"starter-lora_ro_lowest": 0.8, "starter_ro_highest": 0.04}
    met = {name: target.met for name, target in starter.targets(figures, megabytes=4.3).items()}
    assert met.pop("starter-lora_ro") is False
    assert all(met.values())


def test_a_kept_figure_is_not_measured_again(tmp_path: Path) -> None:
    kept = {"en": 0.25, "cpu_seconds": 3.0}
    (tmp_path / "starter-lora-1.test.json").write_text(json.dumps(kept), "utf-8")
    assert starter.measured(Part("starter", "starter-lora", 1), tmp_path, "test") == kept
