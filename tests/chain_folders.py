"""Chains of a tiny model in folders of a test: no ledger, no supervisor."""

from pathlib import Path
from typing import Any

import torch

from backend.chains import run as chains
from backend.chains.request import start_of
from backend.jobs.context import JobContext
from backend.jobs.folder import RunFolder
from tests import tiny

ROWS = (tiny.chats(16), tiny.chats(40)[16:], tiny.chats(60)[40:])


def asked(folder: Path, model: Path, *stages: dict[str, Any], way: str = "stacked") -> dict[str, Any]:
    """A chain of these recipes, each on rows of its own, two epochs of a few steps each."""
    made, before = [], None
    for number, recipe in enumerate(stages, start=1):
        place = folder / f"data-{number}"
        place.mkdir(parents=True, exist_ok=True)
        rows = recipe.pop("rows", ROWS[number - 1])
        train = tiny.request(place, model, rows, **recipe)
        method = recipe.get("method", "lora")
        stage = {"title": {"en": f"part {number}"}, "recipe_id": f"r{number}"}
        made.append({**stage, "start": start_of(way, before, method), "train": train})
        before = method
    return {**made[-1]["train"], "chain": "tiny", "title": {"en": "Tiny"}, "way": way, "stages": made}


def run(path: Path, request: dict[str, Any], *, attempt: int = 1, stop: Any = None) -> tuple[int, list[Any]]:
    """One attempt in this process: the exit code, and all that was said in the run folder so far."""
    torch.set_num_threads(1)
    folder = RunFolder(path)
    path.mkdir(parents=True, exist_ok=True)
    folder.write(folder.request, request)
    job = JobContext(folder, folder.read(folder.request), attempt=attempt)
    if stop is not None:
        job.stop_requested = stop  # type: ignore[method-assign]
    return chains.run(job), list(folder.said())
