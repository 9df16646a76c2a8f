"""The vision starter made again and taught Romanian: `python -m benchmarks.starter_vision [--quick] [--json]`.

As `benchmarks.starter`: for each seed a model is made from nothing (for the first one that which ships is taken), and
`starter-vision-lora` is trained on it by the engine that runs in jobs, with the seed changed and nothing else. Scores
are exact match on scenes of *test*, which are drawn from a chance of their own and used nowhere else. `--models FOLDER`
keeps models and figures there.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

import torch
import transformers
from peft import PeftModel
from transformers import LlavaForConditionalGeneration

from backend.jobs.context import JobContext
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode
from backend.models import catalogue
from backend.paths import RECIPES, SHIPPED_MODELS, Workspace, write_atomically
from backend.people import HOME
from backend.recipes import load as recipes
from backend.starter.vision import run as starter
from backend.starter.vision.model import load
from backend.starter.vision.scoring import EXAMS, NEW_WORDINGS, exact_match, questions
from backend.starter.vision.sentences import LANGUAGES
from backend.training import run as training
from backend.training import submit
from benchmarks.common.report import Target, finish

SEEDS = (0, 1, 2)
RECIPE = "starter-vision-lora"
SCENES, QUICK_SCENES = 300, 60
Scores = dict[str, float]


def made(folder: Path, seed: int) -> Path:
    """The folder of a base model: the one that ships, or one that is trained from nothing unless it is there."""
    if seed == SEEDS[0]:
        return SHIPPED_MODELS / "starter-vision"
    place = folder / f"starter-vision-{seed}"
    if not (place / starter.RECORD).exists():
        starter.make(place, seed=seed)
    return place


def teach(base: Path, seed: int, place: Path, data: str = "") -> tuple[PeftModel, float]:
    """The model after the recipe, and the seconds of processor of the whole job."""
    workspace = Workspace(place / "workspace").create()
    recipe = recipes.with_changes(recipes.read(RECIPES / "starter" / f"{RECIPE}.yaml"), {"compute.seed": seed})
    brought = catalogue.bring(HOME, workspace, str(base))
    chosen = data or recipe.defaults.data
    request = submit.prepare(HOME, workspace, recipe, model=brought.id, data=chosen, forecast={})
    folder = RunFolder(place)
    began = time.process_time()
    code = training.run(JobContext(folder=folder, request=request.model_dump(mode="json")))
    seconds = time.process_time() - began
    if code != ExitCode.DONE:
        raise SystemExit(f"the training ended with code {code}")
    return PeftModel.from_pretrained(load(base)[0], folder.adapter), seconds


def scores(model: LlavaForConditionalGeneration | PeftModel, base: Path, split: str, scenes: int) -> Scores:
    """Exact match by exam, language and kind ("hard scenes: en position")."""
    processor = load(base)[1]
    exams = {**EXAMS, "new wordings": NEW_WORDINGS[split]}
    return {
        f"{name}: {group}": share
        for name, exam in exams.items()
        for group, share in exact_match(model, processor, list(questions(split, exam, LANGUAGES, scenes))).items()
    }


def measured(name: str, seed: int, models: Path, split: str, scenes: int) -> Scores:
    """Of the base or of what the recipe makes of it; kept beside the models."""
    kept = models / f"{name}-{seed}.{split}-{scenes}.json"
    if not kept.exists():
        base = made(models, seed)
        if name == RECIPE:
            with tempfile.TemporaryDirectory() as spare:
                model, seconds = teach(base, seed, Path(spare))
                found = scores(model, base, split, scenes) | {"seconds of processor": seconds}
        else:
            record = json.loads((base / starter.RECORD).read_text("utf-8"))
            found = scores(load(base)[0], base, split, scenes) | {"seconds of processor": record["cpu_seconds"]}
        write_atomically(kept, json.dumps(found) + "\n")
    scored: Scores = json.loads(kept.read_text("utf-8"))
    for exam in ("new scenes: en", "new scenes: it", "new scenes: ro"):
        told = ", ".join(f"{key.split()[-1]} {value:.3f}" for key, value in scored.items() if key.startswith(exam))
        print(f"seed {seed}, {name}, {exam}: {told}", flush=True)
    return scored


def summary(name: str, found: Sequence[Scores]) -> dict[str, float]:
    """The mean of each figure over the seeds, and the lowest and the highest beside it."""
    figures: dict[str, float] = {}
    for what in found[0]:
        values = [scored[what] for scored in found]
        figures[f"{name}, {what}"] = round(mean(values), 4)
        if len(values) > 1:
            figures[f"{name}, {what}, lowest"] = round(min(values), 4)
            figures[f"{name}, {what}, highest"] = round(max(values), 4)
    return figures


def lowest(found: Sequence[Scores], start: str) -> float:
    """The worst kind of the worst seed."""
    return min(value for scored in found for name, value in scored.items() if name.startswith(start))


def targets(base: Sequence[Scores], taught: Sequence[Scores], megabytes: float) -> dict[str, Target]:
    """The worst seed has to meet them."""
    romanian = [[value for name, value in one.items() if name.startswith("new scenes: ro")] for one in taught]
    kept = [
        mean(value for name, value in one.items() if name.startswith(f"new scenes: {language}"))
        for one in taught
        for language in ("en", "it")
    ]
    return {
        "lowest kind in English and Italian": Target(
            min(lowest(base, "new scenes: en"), lowest(base, "new scenes: it")), 0.95
        ),
        "Romanian after the recipe, mean": Target(min(map(mean, romanian)), 0.85),
        "Romanian after the recipe, lowest kind": Target(min(map(min, romanian)), 0.75),
        "English and Italian after the recipe, mean": Target(min(kept), 0.92),
        "seconds of processor of the recipe": Target(max(one["seconds of processor"] for one in taught), 240, "below"),
        "weights, MB": Target(megabytes, 10, "below"),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the shipped model alone, fewer scenes")
    parser.add_argument("--models", type=Path, help="keep models and figures here, and use those that are here")
    parser.add_argument("--split", choices=["dev", "test"], default="test", help="dev for making choices")
    parser.add_argument("--json", action="store_true", help="accepted for likeness; the last line is always JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    seeds, scenes = (SEEDS[:1], QUICK_SCENES) if options.quick else (SEEDS, SCENES)
    with tempfile.TemporaryDirectory() as spare:
        models = options.models or Path(spare)
        models.mkdir(parents=True, exist_ok=True)
        base = [measured("starter-vision", seed, models, options.split, scenes) for seed in seeds]
        taught = [measured(RECIPE, seed, models, options.split, scenes) for seed in seeds]
    megabytes = (SHIPPED_MODELS / "starter-vision" / "model.safetensors").stat().st_size / 1e6
    figures = summary("starter-vision", base) | summary(RECIPE, taught)
    return finish("starter-vision", figures, targets(base, taught, megabytes))


if __name__ == "__main__":
    raise SystemExit(main())
