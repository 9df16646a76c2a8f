"""The starter made again from nothing and taught Romanian: `python -m benchmarks.starter [--quick] [--json]`.

For each seed a model is made, and the recipes of recipes/starter are trained on it by the engine that runs in jobs,
with the seed changed and nothing else. Scores are exact match on the *test* split, which is used nowhere else: no
choice was made on it. Time is processor time on one thread. `--models FOLDER` keeps models and figures there, and what
is there already is not made or measured again: a benchmark that was cut off goes on.
"""

import argparse
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import torch
import transformers
from peft import PeftModel
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from backend.jobs.context import JobContext
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from backend.models import catalogue
from backend.paths import RECIPES, Workspace, write_atomically
from backend.people import HOME
from backend.recipes import load as recipes
from backend.starter import run as starter
from backend.starter.scoring import exact_match
from backend.starter.splits import Split, splits
from backend.training import run as training
from backend.training import submit
from benchmarks.common.report import Target, finish

SEEDS = (0, 1, 2)
BASE, COMPARISON = "starter", "starter-no-romanian"
MAIN = ((BASE, ""), (BASE, "starter-lora"), (BASE, "starter-mixed"))
BESIDE = ((BASE, "starter-qlora"), (BASE, "starter-full"), (COMPARISON, ""), (COMPARISON, "starter-lora"))
Scores = dict[str, float]


@dataclass(frozen=True)
class Part:
    """One model to score: a base as made with `seed`, or what `recipe` makes of it."""

    base: str
    recipe: str
    seed: int

    @property
    def name(self) -> str:
        if not self.recipe:
            return self.base
        return self.recipe if self.base == BASE else f"{self.base}+{self.recipe}"


def parts(seeds: Sequence[int], beside: int) -> Iterator[Part]:
    """Everything to measure, what has targets first; the rest with the first `beside` seeds."""
    for rows, chosen in ((MAIN, seeds), (BESIDE, seeds[:beside])):
        for seed in chosen:
            yield from (Part(base, recipe, seed) for base, recipe in rows)


def scores(model: PreTrainedModel | PeftModel, tokenizer: PreTrainedTokenizerBase, split: Split) -> Scores:
    """Exact match on new wordings by language, and in Romanian on entities it never met in Romanian."""
    found = exact_match(model, tokenizer, split.new_wordings)
    unseen = exact_match(model, tokenizer, split.unseen_entities)
    return {"en": found["en"], "it": found["it"], "ro": found["ro"], "ro_unseen": unseen["ro"]}


def made(folder: Path, base: str, seed: int) -> Path:
    """The folder of a base model, trained from nothing unless it is there already."""
    place = folder / f"{base}-{seed}"
    if not (place / starter.RECORD).exists():
        starter.make(place, seed=seed, romanian=base == BASE)
    return place


def teach(base: Path, recipe_id: str, seed: int, place: Path) -> tuple[PreTrainedModel | PeftModel, float]:
    """The model after one shipped recipe, and the processor seconds of the whole job, its test questions included."""
    workspace = Workspace(place / "workspace").create()
    recipe = recipes.with_changes(recipes.read(RECIPES / "starter" / f"{recipe_id}.yaml"), {"compute.seed": seed})
    brought = catalogue.bring(HOME, workspace, str(base))
    request = submit.prepare(HOME, workspace, recipe, model=brought.id, data=recipe.defaults.data, forecast={})
    folder = RunFolder(place)
    began = time.process_time()
    code = training.run(JobContext(folder=folder, request=request.model_dump(mode="json")))
    seconds = time.process_time() - began
    if code != ExitCode.DONE:
        raise SystemExit(f"{recipe_id}: the training ended with code {code}")
    if recipe.method == "full":
        return starter.load(folder.model)[0], seconds
    return PeftModel.from_pretrained(starter.load(base)[0], folder.adapter), seconds


def measure(part: Part, models: Path, split: Split) -> Scores:
    """The scores of one part and the processor seconds it took to make."""
    source = made(models, part.base, part.seed)
    base, tokenizer = starter.load(source)
    if not part.recipe:
        record = json.loads((source / starter.RECORD).read_text("utf-8"))
        return scores(base, tokenizer, split) | {"cpu_seconds": record["cpu_seconds"]}
    with tempfile.TemporaryDirectory() as spare:
        model, seconds = teach(source, part.recipe, part.seed, Path(spare))
        return scores(model, tokenizer, split) | {"cpu_seconds": seconds}


def measured(part: Part, models: Path, split: str) -> Scores:
    """What `measure` says, kept beside the models."""
    kept = models / f"{part.name}-{part.seed}.{split}.json"
    if not kept.exists():
        found = measure(part, models, getattr(splits(), split))
        write_atomically(kept, json.dumps(found) + "\n")
    scored: Scores = json.loads(kept.read_text("utf-8"))
    told = ", ".join(f"{what} {value:.3f}" for what, value in scored.items())
    print(f"seed {part.seed}, {part.name}: {told}", flush=True)
    return scored


def summary(found: Sequence[tuple[Part, Scores]]) -> dict[str, float]:
    """The mean of each figure; `_lowest` and `_highest` beside it where several seeds were measured."""
    by_name: dict[str, list[float]] = defaultdict(list)
    for part, scored in found:
        for what, value in scored.items():
            by_name[f"{part.name}_{what}"].append(value)
    figures: dict[str, float] = {}
    for name, values in by_name.items():
        figures[name] = round(mean(values), 4)
        if len(values) > 1:
            figures |= {f"{name}_lowest": round(min(values), 4), f"{name}_highest": round(max(values), 4)}
    return figures


def targets(figures: dict[str, float], megabytes: float) -> dict[str, Target]:
    """The worst seed has to meet them."""

    def lowest(name: str) -> float:
        return figures.get(f"{name}_lowest", figures[name])

    def highest(name: str) -> float:
        return figures.get(f"{name}_highest", figures[name])

    return {
        "starter_ro": Target(highest("starter_ro"), 0.05, "below"),
        "starter-lora_ro": Target(lowest("starter-lora_ro"), 0.85),
        "starter-lora_cpu_seconds": Target(highest("starter-lora_cpu_seconds"), 120, "below"),
        "starter-mixed_en": Target(lowest("starter-mixed_en"), 0.8),
        "starter-mixed_it": Target(lowest("starter-mixed_it"), 0.8),
        "weights_megabytes": Target(megabytes, 6, "below"),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one seed instead of three")
    parser.add_argument("--beside", type=int, default=len(SEEDS), help="seeds for the models without a target")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--models", type=Path, help="keep models and figures here, and use those that are here")
    parser.add_argument("--split", choices=["dev", "test"], default="test", help="dev for making choices")
    parser.add_argument("--json", action="store_true", help="accepted for likeness; the last line is always JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    seeds = options.seeds[:1] if options.quick else options.seeds
    with tempfile.TemporaryDirectory() as spare:
        models = options.models or Path(spare)
        found = [(part, measured(part, models, options.split)) for part in parts(seeds, options.beside)]
        megabytes = (models / f"{BASE}-{seeds[0]}" / "model.safetensors").stat().st_size / 1e6
    figures = summary(found)
    return finish("starter", figures, targets(figures, megabytes))


if __name__ == "__main__":
    raise SystemExit(main())
