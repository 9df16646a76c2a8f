"""`launch.py data check` and `data fix` of a data set that is here: its faults, and a version without them."""

import argparse
from typing import Any

from backend.cli.headless import supervised
from backend.cli.output import answer
from backend.cli.train import ended, follow, reason
from backend.data import datasets, intact
from backend.data.datasets import Dataset
from backend.data.doctor import check as doctor
from backend.data.doctor import report, submit
from backend.data.doctor.finding import Finding
from backend.data.doctor.seen import Reader
from backend.errors import StudioError
from backend.jobs.service import Jobs
from backend.models import catalogue, reader
from backend.people import HOME
from backend.setup import commands

ERROR = "error"


def here(jobs: Jobs, ref: str) -> Dataset | None:
    """The data set of this name or id; None for what looks like a file or is not there."""
    try:
        return datasets.find(HOME, jobs.workspace, ref)
    except StudioError:
        return None


def check(jobs: Jobs, known: Dataset, options: argparse.Namespace) -> int:
    intact.require(known)
    found = doctor.check(known, reader_of(jobs, options))
    report.keep(jobs.workspace, known, found)
    spoken = [name for name, rows in found.languages.items() if name and rows >= found.rows / 10]
    facts = {"rows": found.rows, "shape": found.shape, "encoding": "utf-8", "separator": None, "languages": spoken}
    values = facts | {"findings": [plain(one) for one in found.findings], "dataset": known.id}
    lines = [f"{known.name}: {found.rows} rows, {found.shape}", *map(line, found.findings)]
    answer(values, as_json=options.json, text="\n".join(lines))
    return commands.FAILED if any(one.severity == ERROR for one in found.findings) else commands.DONE


def reader_of(jobs: Jobs, options: argparse.Namespace) -> Reader | None:
    return reader.of(catalogue.find(HOME, jobs.workspace, options.model)) if options.model else None


def plain(one: Finding) -> dict[str, Any]:
    examples = [shown.model_dump() for shown in one.examples]
    known = {"code": one.code, "severity": one.severity, "rows": one.rows, "message": one.message["en"]}
    return known | {"examples": examples, "fix": one.fix or None}


def line(one: Finding) -> str:
    return f"{one.severity}: {one.message['en']}" + (f" (fix: {one.fix})" if one.fix else "")


def fix(jobs: Jobs, options: argparse.Namespace) -> int:
    """By a job: the next version of the data set, with the fixes that are named."""
    found = datasets.find(HOME, jobs.workspace, options.ref)
    chosen = reader_of(jobs, options)
    job = submit.fix(HOME, jobs, found, options.fix, chosen)
    with supervised(jobs.workspace):
        job = follow(jobs, job)
    made = submit.made(HOME, jobs, job)
    values = {"state": job.state.value, "dataset": made.id if made else None, "rows": made.rows if made else None}
    told = (
        f"{made.name}: version {made.version}, {made.rows} rows" if made else f"{job.state.value}. {reason(job) or ''}"
    )
    answer(values | {"version": made.version if made else None, "reason": reason(job)}, as_json=options.json, text=told)
    return ended(job)
