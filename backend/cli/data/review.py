"""`launch.py data review`: how far a review is, how its reviewers agree, and the version of the approved rows."""

import argparse
from typing import Any

from backend.cli.headless import supervised
from backend.cli.output import answer
from backend.cli.train import ended, follow, reason
from backend.data import datasets
from backend.data.actions.progress import made_by
from backend.data.datasets import Dataset
from backend.data.review import reviewing, standing, submit
from backend.data.review.agreement import Agreement, pairs
from backend.data.review.reviewing import Review
from backend.jobs.service import Jobs
from backend.people import HOME
from backend.setup import commands


def review(jobs: Jobs, options: argparse.Namespace) -> int:
    """DataError where nobody has begun one."""
    found = reviewing.require(HOME, jobs.workspace, datasets.find(HOME, jobs.workspace, options.ref))
    if options.make:
        return _make(jobs, found, options)
    answer(_facts(found), as_json=options.json, text=_told(found))
    return commands.DONE


def _make(jobs: Jobs, found: Review, options: argparse.Namespace) -> int:
    job = submit.make(HOME, jobs, found.dataset)
    with supervised(jobs.workspace):
        job = follow(jobs, job)
    made: Dataset | None = made_by(HOME, jobs.workspace, job.id)
    known = {"made": made.id, "made_version": made.version, "made_rows": made.rows} if made else {"made": None}
    text = f"{made.name}, version {made.version}: {made.rows} rows" if made else f"{job.state.value}. {reason(job)}"
    values = _facts(found) | known | {"state": job.state.value, "reason": reason(job)}
    answer(values, as_json=options.json, text=f"{_told(found)}\n{text}")
    return ended(job)


def _facts(found: Review) -> dict[str, Any]:
    known = {"dataset": found.dataset.id, "name": found.dataset.name, "version": found.dataset.version}
    reviewers = [{"name": name, **standing.progress(found, name)._asdict()} for name in found.reviewers]
    agreed = [one._asdict() for one in pairs(found.all())]
    return known | standing.outcome(found)._asdict() | {"reviewers": reviewers, "agreement": agreed}


def _told(found: Review) -> str:
    whole = standing.outcome(found)
    lines = [f"{found.dataset.name}, version {found.dataset.version}: {whole.judged} of {whole.rows} rows judged"]
    lines += [f"approved {whole.approved}, corrected {whole.edited}, rejected {whole.rejected}"]
    lines += [f"{whole.disagreement} disagreements to be settled"] if whole.disagreement else []
    lines += [f"{name}: {standing.progress(found, name).judged} of {whole.rows}" for name in found.reviewers]
    return "\n".join([*lines, *map(_agreed, pairs(found.all()))])


def _agreed(one: Agreement) -> str:
    value = (
        "kappa cannot be computed: there is nothing to tell apart" if one.kappa is None else f"kappa {one.kappa:.2f}"
    )
    return f"{one.first} and {one.second}: the same verdict on {one.same} of {one.both} rows, {value}"
