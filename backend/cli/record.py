"""`python -m backend.cli.record`: train the first recipe for real and keep the run in sample_data/runs.

To be run again whenever the starter, its chats or the recipe change. What ships is the folder of that run as the worker
left it, without its checkpoints and without the places where things lay on the computer that recorded it.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from backend.cli.headless import open_jobs, supervised
from backend.cli.output import say
from backend.cli.train import follow, submit
from backend.jobs.folder import RunFolder
from backend.jobs.model import JobState
from backend.jobs.service import Jobs
from backend.models.adapters import CONFIG, RECORD
from backend.paths import RECORDED, ROOT, SHIPPED_RUNS
from backend.people import HOME
from backend.setup import commands

RECIPE = "starter-lora"
NAME = "romanian-demo"
TEXTS = ("events.jsonl", "log.txt", "result.json")
MEASURING_SECONDS = 300.0
LARGEST = 2 * 10**6


def main() -> int:
    with tempfile.TemporaryDirectory() as place:
        jobs = open_jobs(Path(place))
        with supervised(jobs.workspace, warm=True):
            measure(jobs)
            options = argparse.Namespace(recipe=RECIPE, name=NAME, set=[], data=None, model=None)
            job = follow(jobs, submit(jobs, options))
        if job.state is not JobState.DONE:
            say(f"The run ended as {job.state.value}: {job.reason_key} {job.reason_values}")
            return commands.FAILED
        keep(jobs.folder(job), SHIPPED_RUNS / f"{RECORDED}{NAME}")
    return commands.DONE


def measure(jobs: Jobs) -> None:
    """Wait until a warm worker has measured this machine, so that the forecast of the run knows its time."""
    jobs.want_worker(HOME)
    end = time.monotonic() + MEASURING_SECONDS
    while not list(jobs.workspace.calibration.glob("*.json")):
        if time.monotonic() > end:
            raise TimeoutError("this machine was not measured in time")
        time.sleep(0.5)


def keep(run: RunFolder, final: Path) -> None:
    """The run as it ships; ValueError when it is too large, or still names a place of this computer."""
    staging = RunFolder(final.with_name(f".{final.name}"))
    shutil.rmtree(staging.path, ignore_errors=True)
    staging.path.mkdir(parents=True)
    shutil.copytree(run.adapter, staging.adapter)
    for name in TEXTS:
        text = (run.path / name).read_text(encoding="utf-8")
        (staging.path / name).write_text(text.replace(f"{ROOT}/", ""), encoding="utf-8")
    request, ended = run.read(run.request), run.read(run.status)
    staging.write(staging.request, anywhere({**request, "job": request["job"] | {"id": final.name, "owner": ""}}))
    staging.write(staging.status, {name: ended[name] for name in ("state", "attempt", "exit_code", "at")})
    for name in (CONFIG, RECORD):
        path = staging.adapter / name
        staging.write(path, anywhere(staging.read(path)))
    for path in staging.path.rglob("*"):
        if path.is_file() and (str(ROOT).encode() in (raw := path.read_bytes()) or str(run.path).encode() in raw):
            raise ValueError(f"{path.name} names a place of this computer")
    if (size := sum(path.stat().st_size for path in staging.path.rglob("*") if path.is_file())) > LARGEST:
        raise ValueError(f"the run has {size} bytes, more than {LARGEST}")
    shutil.rmtree(final, ignore_errors=True)
    staging.path.rename(final)
    say(f"{final.relative_to(ROOT)}: {size} bytes")


def anywhere(values: dict[str, Any]) -> dict[str, Any]:
    """The same values, with places inside the studio's own folder written from there."""
    found: dict[str, Any] = json.loads(json.dumps(values).replace(f"{ROOT}/", ""))
    return found


if __name__ == "__main__":
    sys.exit(main())
