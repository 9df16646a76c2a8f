"""What stays of a run: the adapter or model, what it was made from, and the figures."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from backend.jobs.folder import sync_folder
from backend.models import weights
from backend.training.checkpoints import Identity, sync_file
from backend.training.request import TrainRequest

NOT_LEARNED: dict[str, Any] = {
    "title": True, "about": True, "provenance": True, "cards": True, "defaults": True,
    "watching": {"check", "check_questions", "pictures"}, "compute": {"devices", "sharding"},
}  # fmt: skip
LIBRARIES = ("torch", "transformers", "peft", "accelerate", "bitsandbytes", "safetensors", "tokenizers")


def versions() -> dict[str, str]:
    return {name: version(name) for name in LIBRARIES}


def identity(request: TrainRequest) -> Identity:
    """What a checkpoint of this run belongs to."""
    return Identity(parts=parts(request), versions=versions())


def parts(request: TrainRequest) -> dict[str, dict[str, str]]:
    """All that decides what is learned: settings by name, and hashes of the data sets and of the base model.

    What is only asked before and after is not part of it.
    """
    sets = {"data": request.data.sha256}
    if request.replay is not None:
        sets["replay"] = request.replay.sha256
    sets |= {f"corpora.{corpus.name}": corpus.sha256 for corpus in request.corpora}
    recipe = request.recipe.model_dump(mode="json", exclude=NOT_LEARNED)
    model = {"weights": weights.fingerprint(request.model.folder)}
    if request.before is not None:
        model["before"] = request.before.sha256
    return {"recipe": dict(_leaves(recipe)), "data": sets, "model": model}


def _leaves(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """("lora.rank", "16") and so on."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", json.dumps(value, ensure_ascii=False)


def record(request: TrainRequest, steps: int, way: dict[str, Any]) -> dict[str, Any]:
    """studio.json: which base an adapter belongs to, what it was trained with, and in which `way`."""
    model, belongs = request.model, parts(request)
    recipe = json.dumps(belongs["recipe"], sort_keys=True)
    return {
        "base": {
            "id": model.id,
            "name": model.name,
            "location": str(model.location),
            "sha256": belongs["model"]["weights"],
        },
        "data": {
            "id": request.data.id,
            "name": request.data.name,
            "version": request.data.version,
            "sha256": request.data.sha256,
        },
        "corpora": [
            {"id": one.dataset.id, "name": one.dataset.name, "sha256": one.dataset.sha256, "weight": one.weight}
            for one in request.weighed
        ],
        "template": request.recipe.own_template,
        "recipe": {"method": request.recipe.method, "sha256": hashlib.sha256(recipe.encode()).hexdigest()},
        "steps": steps,
        "way": way,
        "versions": versions(),
    }


def keep(final: Path, write: Callable[[Path], None], record: dict[str, Any]) -> None:
    """Put what `write` makes, and its studio.json, at `final`: all of it or nothing."""
    staging = final.with_name(f".{final.name}")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    write(staging)
    (staging / "studio.json").write_text(json.dumps(record, indent=1, ensure_ascii=False), encoding="utf-8")
    for path in staging.iterdir():
        sync_file(path)
    sync_folder(staging)
    shutil.rmtree(final, ignore_errors=True)
    staging.rename(final)
    sync_folder(final.parent)
