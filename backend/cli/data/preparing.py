"""`launch.py data prepare`: the next version of a data set, by the steps of a file or those of another data set."""

import argparse
from pathlib import Path

from backend.cli.headless import supervised
from backend.cli.output import answer
from backend.cli.train import ended, follow, reason
from backend.data import datasets, languages
from backend.data.actions.progress import made_by
from backend.data.preparing import plan, submit
from backend.data.preparing.plan import Plan
from backend.errors import DataError
from backend.jobs.service import Jobs
from backend.people import HOME


def prepare(jobs: Jobs, options: argparse.Namespace) -> int:
    before = datasets.find(HOME, jobs.workspace, options.ref)
    asked = _asked(jobs, options)
    job = submit.prepare(HOME, jobs, before, asked)
    with supervised(jobs.workspace):
        job = follow(jobs, job)
    made = made_by(HOME, jobs.workspace, job.id)
    said = reason(job)
    values = {
        "rows": made.rows if made else 0,
        "rows_before": before.rows,
        "shape": made.shape if made else None,
        "encoding": "utf-8",
        "separator": None,
        "languages": [language] if made and (language := languages.of_rows(made.path)) else [],
        "findings": [{"code": job.reason_key, "severity": "error", "rows": 0, "message": said}] if said else [],
        "dataset": made.id if made else None,
        "version": made.version if made else None,
    }
    told = (
        f"{made.name}, version {made.version}: {made.rows} of {before.rows} rows"
        if made
        else f"{job.state.value}. {said}"
    )
    answer(values, as_json=options.json, text=f"{plan.written(asked)}{told}")
    return ended(job)


def _asked(jobs: Jobs, options: argparse.Namespace) -> Plan:
    """DataError where neither a file nor another data set is named."""
    if options.like:
        return plan.of(datasets.find(HOME, jobs.workspace, options.like))
    if not options.steps:
        raise DataError("preparing.steps_missing")
    return plan.read(Path(options.steps))
