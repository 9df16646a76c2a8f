"""What an NVIDIA card shows: `python3 launch.py bench gpu a`, `b` or `c`, each under eight minutes.

    a  memory of Llama-2-7B in 16 bits and in NF4, loaded (M1) and answering a prompt of 1,000 tokens (M2), and the
       curve over prompts of 100 to 4,096 tokens and 1 to 16 at once; RoQLlama's table: 4.7 and 6.1 GB
    b  LoRA and QLoRA of 7B at 2,048 tokens against TRL's SFTTrainer, and against Unsloth where it is installed
    c  QLoRA of 13B and 70B: the peak that was forecast from config.json alone, and the peak

Weights are random, made here: nothing is downloaded. Every measurement is a process of its own. `--size tiny` tries a
part out on any machine (`launch.py bench gpu a -- --size tiny`); its figures mean nothing.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from datasets import disable_progress_bars

from backend.forecast.estimate import estimate
from backend.forecast.lengths import Lengths
from backend.hardware import this_machine
from backend.models.facts import facts
from benchmarks.card import asking, learning, weights
from benchmarks.card.learning import Task
from benchmarks.card.weights import SIZES
from benchmarks.common.apart import GIGA, child, roomy
from benchmarks.common.report import Target, finish

MODULE = "benchmarks.gpu"
# Dense bf16 products per second, as the data sheets of these cards say; another card has no share of its peak told.
PEAK_FLOPS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}
Figures = dict[str, float]
Targets = dict[str, Target]


def memory(size: str, device: torch.device, home: Path) -> tuple[Figures, Targets]:
    """Part a."""
    folder = weights.write(home / size, SIZES[size], device)
    figures: Figures = {}
    for way in asking.WAYS:
        found = child(MODULE, "ask", "--folder", str(folder), "--way", way, "--size", size, "--device", str(device))
        for kind, count in found["m1"].items():
            figures[f"{way}_m1_{kind}_gb"] = round(count / GIGA, 3)
        for name, peaks in found["m2"].items():
            for kind, count in peaks.items():
                figures[f"{way}_m2_{name}_{kind}_gb"] = round(count / GIGA, 3)
        print(f"{way}: {found['m1']}", flush=True)
    if device.type != "cuda" or size != "7b":
        return figures, {}
    paper = f"{asking.PAPER_PROMPT}x1"
    return figures, {
        "nf4_double_m1_allocated_gb": Target(figures["nf4_double_m1_allocated_gb"], 3.9, "below"),
        f"nf4_double_m2_{paper}_allocated_gb": Target(figures[f"nf4_double_m2_{paper}_allocated_gb"], 4.7, "below"),
    }


def speed(size: str, device: torch.device, home: Path) -> tuple[Figures, Targets]:
    """Part b."""
    folder = weights.write(home / size, SIZES[size], device)
    figures: Figures = {}
    targets: Targets = {}
    for method in ("lora", "qlora"):
        for trainer in filter(learning.installed, learning.TRAINERS):
            found = learned(trainer, folder, method, size, device)
            figures |= {f"{method}_{trainer}_{name}": round(value, 3) for name, value in found.items()}
            print(f"{method} {trainer}: {found}", flush=True)
        mine = figures[f"{method}_ours_tokens_per_second"]
        for other, wanted in (("trl", 1.3), ("unsloth", 1.0)):
            if theirs := figures.get(f"{method}_{other}_tokens_per_second"):
                figures[f"{method}_times_{other}"] = round(mine / theirs, 2)
                targets[f"{method}_times_{other}"] = Target(figures[f"{method}_times_{other}"], wanted)
        if share := share_of_peak(mine, size, device):
            figures[f"{method}_share_of_peak"] = round(share, 3)
    if "lora_share_of_peak" in figures:
        targets["lora_share_of_peak"] = Target(figures["lora_share_of_peak"], 0.45)
    return figures, targets if size == "7b" else {}


def large(size: str, device: torch.device, home: Path) -> tuple[Figures, Targets]:
    """Part c; the blocks are written in four bits, for 70B in sixteen would fill most disks."""
    figures: Figures = {}
    targets: Targets = {}
    for each in ("13b", "70b") if size == "7b" else (size,):
        folder = weights.write(home / each, SIZES[each], device, quantised=True)
        task = Task(folder, "qlora", length_for(each), 1, 4, checkpointing=True, device=device)
        said = forecast_bytes(task)
        found = learned("ours", folder, "qlora", each, device, micro=1, steps=4, checkpointing=True)
        peak = found["process"]
        figures |= {f"{each}_forecast_gb": round(said / GIGA, 3), f"{each}_peak_gb": round(peak / GIGA, 3)}
        figures[f"{each}_off"] = round(said / peak - 1, 3)
        targets[f"{each}_off"] = Target(abs(said / peak - 1), 0.10, "below")
        shutil.rmtree(folder)
        print(f"{each}: forecast {said / GIGA:.2f} GB, peak {peak / GIGA:.2f} GB", flush=True)
    return figures, targets if size == "7b" else {}


def learned(
    trainer: str, folder: Path, method: str, size: str, device: torch.device, **changed: Any
) -> dict[str, float]:
    """One training; with activations made twice where it does not fit without."""
    wanted = {"micro": 4, "steps": 8, "checkpointing": False} | changed
    words = ["--trainer", trainer, "--folder", str(folder), "--method", method, "--size", size, "--device", str(device)]
    words += ["--micro", str(wanted["micro"]), "--steps", str(wanted["steps"])]
    found: dict[str, float] = {}
    for again in [wanted["checkpointing"]] if wanted["checkpointing"] else [False, True]:
        try:
            found = child(MODULE, "learn", *words, *(["--checkpointing"] if again else []))
            return found | {"checkpointing": float(again)}
        except subprocess.CalledProcessError:
            print(f"{method} {trainer}: failed{' again' if again else ', once more with less memory'}", flush=True)
    raise RuntimeError(f"{trainer} cannot train {size} by {method} here")


def forecast_bytes(task: Task) -> int:
    """From config.json, the recipe and the lengths alone."""
    lengths = Lengths(rows=task.micro * task.total, tokens=(task.length,), learned=1 - learning.PROMPT)
    return estimate(facts(task.folder), task.recipe, lengths, this_machine(task.folder), None).total_bytes


def share_of_peak(tokens_per_second: float, size: str, device: torch.device) -> float | None:
    """Model FLOPs over what the card can do. Per token 2 a weight forward and 2 backward, for frozen weights have no
    gradient of their own, the head's on the learned part, and 6 in causal attention for each number of a query's row;
    the adapter and what is made twice are not counted."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    peak = next((flops for card, flops in PEAK_FLOPS.items() if card in name), None)
    if peak is None:
        return None
    shape, length = SIZES[size], length_for(size)
    head = 4 * shape.hidden * shape.vocabulary * (1 - learning.PROMPT)
    attention = 6 * shape.layers * shape.hidden * length
    return tokens_per_second * (4 * shape.linear_weights + head + attention) / peak


def length_for(size: str) -> int:
    return min(2048, SIZES[size].read)


PARTS: dict[str, Callable[[str, torch.device, Path], tuple[Figures, Targets]]] = {
    "a": memory,
    "b": speed,
    "c": large,
}


def main() -> int:
    options = parse()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    disable_progress_bars()
    device = torch.device(options.device)
    if options.part == "ask":
        shape = SIZES[options.size]
        most = [1, 4, 16] if options.size != "tiny" else [1, 2]
        print(json.dumps(asking.run(options.folder, options.way, device, longest=shape.read, batches=most)))
        return 0
    if options.part == "learn":
        task = Task(options.folder, options.method, length_for(options.size), options.micro, options.steps,
                    checkpointing=options.checkpointing, device=device)  # fmt: skip
        print(json.dumps(learning.run(options.trainer, task)))
        return 0
    if options.size != "tiny" and device.type != "cuda":
        sys.stderr.write("There is no NVIDIA card here; `--size tiny` tries the command out without one.\n")
        return 1
    with tempfile.TemporaryDirectory(dir=roomy()) as home:
        figures, targets = PARTS[options.part](options.size, device, Path(home))
    return finish(f"gpu-{options.part}", figures, targets)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("part", choices=[*PARTS, "ask", "learn"], help="a, b or c; the others are what these start")
    parser.add_argument("--size", choices=SIZES, default="7b")
    parser.add_argument("--device", default="cuda:0" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--json", action="store_true", help="accepted for uniformity: JSON is the last line anyway")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--way", choices=asking.WAYS, default="16bit")
    parser.add_argument("--trainer", choices=learning.TRAINERS, default="ours")
    parser.add_argument("--method", choices=["lora", "qlora"], default="lora")
    parser.add_argument("--micro", type=int, default=4)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--checkpointing", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
