"""`launch.py chat MODEL|RUN --prompt TEXT`: one question to a model or to what a run made of it."""

import argparse
from pathlib import Path

from backend.cli.headless import open_jobs, supervised
from backend.cli.output import answer
from backend.errors import AccessError
from backend.inference.client import Engine
from backend.inference.sampling import Sampling
from backend.jobs.service import Jobs
from backend.models import catalogue
from backend.people import HOME
from backend.setup import commands

START_SECONDS = 120.0


def command(options: argparse.Namespace) -> int:
    jobs = open_jobs(Path(options.workspace))
    model = named(jobs, options.model)
    settings = Sampling(temperature=options.temperature, max_tokens=options.max_tokens)
    engine = Engine(jobs.workspace)
    with supervised(jobs.workspace):
        jobs.want_engine(HOME)
        engine.wait_ready(START_SECONDS)
        reply = engine.ask([{"role": "user", "content": options.prompt}], model=model, settings=settings)
    values = {"reply": reply.text, "tokens": reply.tokens, "seconds": reply.seconds}
    answer(values, as_json=options.json, text=reply.text)
    return commands.DONE


def named(jobs: Jobs, ref: str) -> str:
    """The engine's name of a run or of a model; a run comes first when both are called so, and an export that merged
    one stands for the model that it has made.
    """
    try:
        job = jobs.find(HOME, ref)
    except AccessError:
        return catalogue.find(HOME, jobs.workspace, ref).id
    models = [model.id for model in catalogue.available(HOME, jobs.workspace)]
    return job.id if job.id in models else f"run:{job.id}"
