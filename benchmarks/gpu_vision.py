"""RoVLM's recipe on an NVIDIA card, against TRL: `python3 launch.py bench gpu-vision`, meant for under eight minutes.

Qwen2-VL-7B as its config has it, with random weights that are made here, learns Romanian answers to questions about
pictures of 500 x 375 pixels, drawn here: LoRA r = alpha = 16 on the language side, 16 rows a step. Three ways, each a
process of its own: ours with what the frozen tower saw kept (from the second pass on), ours without, and TRL's
SFTTrainer; steps per minute, peak memory, and hours for 500 steps beside the 4.7 that arXiv 2512.14926 says of an A100.
Its 500 steps are a third of a pass, so what a first pass costs is said too: there everything is looked at, and kept.

Where memory is short, all ways take half as many rows at once. `--size tiny` tries the command out on any machine, its
figures mean nothing (`launch.py bench gpu-vision -- --size tiny`; options follow two dashes).
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
import transformers
from datasets import disable_progress_bars

from benchmarks.card import album, sighted, studying
from benchmarks.common.apart import GIGA, child, roomy
from benchmarks.common.report import Target, finish

MODULE = "benchmarks.gpu_vision"
# arXiv 2512.14926: 500 steps on one A100. What else than steps is in these hours was not published.
PAPER_HOURS = 4.7
LONGEST = 70.0
METERS = ("allocated", "reserved", "process")
Figures = dict[str, float]


def measured(home: Path, options: argparse.Namespace) -> tuple[int, dict[str, Figures]]:
    """How many rows go through at once, and the figures of every way."""
    micro: int = options.micro
    while micro:
        found = _every(home, options, micro)
        if found is not None:
            return micro, found
        micro //= 2
    raise SystemExit("The memory of this card is too small for one row at a time.")


def _every(home: Path, options: argparse.Namespace, micro: int) -> dict[str, Figures] | None:
    """None when one of the ways was short of memory: then the others are not worth the time either."""
    words = ["--folder", str(home), "--size", options.size, "--device", options.device, "--micro", str(micro)]
    words += ["--passes", str(options.passes), "--checkpointing", options.checkpointing]
    found: dict[str, Figures] = {}
    for way in studying.WAYS:
        told = child(MODULE, "learn", "--way", way, *words)
        if told.get("short"):
            print(f"{way}: memory is short with {micro} rows at once", flush=True)
            return None
        found[way] = told
        print(f"{way}: {told}", flush=True)
    return found


def figures(found: dict[str, Figures], steps: int) -> Figures:
    """`found`: what each way said of itself; memory in GB, hours for `steps` steps."""
    said: Figures = {}
    for way, told in found.items():
        gigabytes = {f"{name}_gb": told[name] / GIGA for name in METERS if name in told}
        rest = {name: value for name, value in told.items() if name not in METERS}
        hours = {f"hours_for_{steps}_steps": steps / told["steps_per_minute"] / 60}
        if way == "kept":
            hours[f"hours_for_{steps}_steps_of_a_first_pass"] = steps / told["first_pass_steps_per_minute"] / 60
        said |= {f"{way}_{name}": round(value, 3) for name, value in (rest | gigabytes | hours).items()}
    for way, other in (("kept", "trl"), ("without", "trl"), ("kept", "without")):
        times = found[way]["steps_per_minute"] / found[other]["steps_per_minute"]
        said[f"{way}_times_{other}"] = round(times, 2)
    return said | {f"paper_hours_for_{steps}_steps_on_an_a100": PAPER_HOURS}


def learn(options: argparse.Namespace) -> dict[str, Any]:
    """One measurement, in this process."""
    home: Path = options.folder
    study = studying.Study(
        model=home / "model",
        rows=json.loads((home / "rows.json").read_text(encoding="utf-8")),
        micro=options.micro,
        passes=options.passes,
        longest=LONGEST,
        checkpointing=options.checkpointing == "on",
        device=torch.device(options.device),
        kept=home / f"kept-{options.micro}",
    )
    return studying.run(options.way, study)


def main() -> int:
    options = parse()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    disable_progress_bars()
    if options.part == "learn":
        print(json.dumps(learn(options)))
        return 0
    device = torch.device(options.device)
    if options.size != "tiny" and device.type != "cuda":
        sys.stderr.write("There is no NVIDIA card here; `-- --size tiny` tries the command out without one.\n")
        return 1
    recipe, shape = studying.published(), sighted.SHAPES[options.size]
    with tempfile.TemporaryDirectory(dir=roomy()) as folder:
        home = Path(folder)
        sighted.write(home / "model", shape, device)
        rows = album.rows(home / "pictures", studying.PASS * recipe.batch.size, shape.picture)
        (home / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
        micro, found = measured(home, options)
    said = figures(found, recipe.schedule.max_steps or 0)
    said |= {"rows_at_once": micro, "rows_a_step": recipe.batch.size, "checkpointing": options.checkpointing == "on"}
    targets: dict[str, Target] = {}
    return finish("gpu-vision", said, targets)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("part", nargs="?", choices=["all", "learn"], default="all", help="`learn` is what `all` starts")
    parser.add_argument("--size", choices=sighted.SHAPES, default="7b")
    parser.add_argument("--device", default="cuda:0" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--micro", type=int, choices=[1, 2, 4, 8, 16], default=16, help="rows that go through at once")
    parser.add_argument("--passes", type=int, default=5, help="measured passes over the 64 rows, 4 steps each")
    parser.add_argument("--checkpointing", choices=["on", "off"], default="on", help="activations made twice")
    parser.add_argument("--json", action="store_true", help="accepted for uniformity: JSON is the last line anyway")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--way", choices=studying.WAYS, default="kept")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
