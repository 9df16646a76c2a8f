"""What a chain has to show: the work of its newest stage, where that of any run lies."""

import os
import shutil
from pathlib import Path

from backend.jobs.folder import RunFolder, sync_folder
from backend.training.request import TrainRequest


def publish(chain: RunFolder, stage: RunFolder, train: TrainRequest) -> None:
    """The adapter or model of the stage becomes that of the chain, whose request says what it was made from.

    The files are the stage's own, under a second name, where the disk can do that.
    """
    made, final = (stage.adapter, chain.adapter) if stage.adapter.is_dir() else (stage.model, chain.model)
    if not made.is_dir():
        return
    told = train.model_dump(mode="json", include={"recipe", "model", "data", "replay", "check", "corpora", "before"})
    chain.write(chain.request, {**chain.read(chain.request), **told}, mode=0o600)
    staging = chain.path / f".{final.name}"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    for path in made.iterdir():
        _second_name(path, staging / path.name)
    sync_folder(staging)
    for old in (chain.adapter, chain.model):
        shutil.rmtree(old, ignore_errors=True)
    staging.rename(final)
    sync_folder(chain.path)


def _second_name(path: Path, other: Path) -> None:
    try:
        os.link(path, other)
    except OSError:
        shutil.copyfile(path, other)
