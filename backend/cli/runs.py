"""`launch.py runs`: every run there has been, newest first."""

import argparse
from pathlib import Path
from typing import Any

from backend.cli.headless import open_jobs
from backend.cli.output import answer
from backend.cli.train import summary
from backend.jobs.model import Job
from backend.jobs.service import Jobs
from backend.people import HOME
from backend.setup import commands


def command(options: argparse.Namespace) -> int:
    jobs = open_jobs(Path(options.workspace))
    found = sorted(jobs.all(HOME), key=lambda job: job.created_at, reverse=True)
    lines = [f"{job.state.value:12} {job.name}" for job in found] or [
        "No run yet. Start one: launch.py train starter-lora"
    ]
    answer({"runs": [entry(jobs, job) for job in found]}, as_json=options.json, text="\n".join(lines))
    return commands.DONE


def entry(jobs: Jobs, job: Job) -> dict[str, Any]:
    return {"id": job.id, "folder": str(jobs.folder(job).path.resolve())} | summary(jobs, job)
