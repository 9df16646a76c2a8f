"""`launch.py data`: the data sets that are here; files and texts from the Hub looked at and added, one removed."""

import argparse
from pathlib import Path
from typing import Any

from backend import names
from backend.cli.data import diagnosis, intake, preparing, review, tokens
from backend.cli.headless import open_jobs, supervised
from backend.cli.output import answer, say
from backend.cli.train import ended, follow, reason
from backend.data import datasets
from backend.data.corpora import index
from backend.data.corpora.share import STREAMED_BYTES
from backend.data.datasets import Dataset
from backend.data.versions import card as data_card
from backend.data.versions import losses
from backend.errors import DataError
from backend.hub import desk
from backend.hub.corpora import submit
from backend.hub.corpora.offer import CorpusOffer, Wanted
from backend.hub.corpora.part import Part
from backend.hub.submit import room
from backend.jobs.model import JobState
from backend.jobs.service import Jobs
from backend.jobs.upkeep.disk import in_words
from backend.people import HOME
from backend.setup import commands


def command(options: argparse.Namespace) -> int:
    jobs = open_jobs(Path(options.workspace))
    if options.action != "list" and not options.ref:
        raise DataError("data.name_missing", action=options.action)
    return ACTIONS[options.action](jobs, options)


def listed(jobs: Jobs, options: argparse.Namespace) -> int:
    found = [_here(one) for one in datasets.available(HOME, jobs.workspace)]
    lines = [f"{one['name']:40} {one['shape']:5} {one['rows']:>10}  {in_words(one['bytes']):>8}" for one in found]
    answer({"data": found}, as_json=options.json, text="\n".join(lines))
    return commands.DONE


def show(jobs: Jobs, options: argparse.Namespace) -> int:
    offer = desk.look_at_corpus(HOME, _wanted(options))
    answer(_facts(jobs, offer), as_json=options.json, text=_told(jobs, offer))
    return commands.DONE if offer.problem is None else commands.FAILED


def add(jobs: Jobs, options: argparse.Namespace) -> int:
    return _add_file(jobs, options) if Path(options.ref).is_file() else _add_from_hub(jobs, options)


def delete(jobs: Jobs, options: argparse.Namespace) -> int:
    found = datasets.find(HOME, jobs.workspace, options.ref)
    lost = losses.of(HOME, jobs, found.id)
    runs, versions = [job.name for job in lost.runs], [one.version for one in lost.versions]
    values = _here(found) | {"runs": runs, "versions": versions}
    if options.yes:
        datasets.delete(HOME, jobs.workspace, found.id)
    if runs:
        say(f"Runs that lose their source: {', '.join(runs)}")
    if versions:
        say(f"Made from it, and stays whole: version {', '.join(map(str, versions))}")
    said = "Removed." if options.yes else "Nothing was removed. To remove it: add --yes"
    answer(values | {"removed": bool(options.yes)}, as_json=options.json, text=f"{found.name}: {said}")
    return commands.DONE


def card(jobs: Jobs, options: argparse.Namespace) -> int:
    found = datasets.find(HOME, jobs.workspace, options.ref)
    page = data_card.written(found)
    answer(_here(found) | {"card": page}, as_json=options.json, text=page)
    return commands.DONE


ACTIONS = {
    "card": card,
    "list": listed,
    "show": show,
    "check": intake.check,
    "fix": diagnosis.fix,
    "import": intake.bring,
    "prepare": preparing.prepare,
    "review": review.review,
    "tokens": tokens.tokens,
    "add": add,
    "delete": delete,
}


def _add_file(jobs: Jobs, options: argparse.Namespace) -> int:
    path = Path(options.ref)
    taken = [known.name for known in datasets.available(HOME, jobs.workspace)]
    name = options.name or names.free(names.from_file(path.stem), taken, "data")
    how: dict[str, Any] = {"skip_bad": options.skip_bad, "field": options.field}
    made = datasets.add(HOME, jobs.workspace, path, name, **how)
    if made.shape == "text" and made.path.stat().st_size > STREAMED_BYTES:
        index.of(made, jobs.workspace)
    answer(_here(made), as_json=options.json, text=f"{made.name}: {made.rows} rows, {made.skipped} left out")
    return commands.DONE


def _add_from_hub(jobs: Jobs, options: argparse.Namespace) -> int:
    offer = desk.look_at_corpus(HOME, _wanted(options))
    if not options.accept_licence:
        say(_told(jobs, offer))
        say("To accept this licence and fetch the texts: add --accept-licence")
    accepted = offer.licence.digest if options.accept_licence else ""
    first, _, last = options.take.partition("-")
    rows = Part.of(first, last)
    job = submit.fetch(HOME, jobs, offer, accepted=accepted, name=options.name, field=options.field, rows=rows)
    with supervised(jobs.workspace):
        job = follow(jobs, job)
    made = jobs.folder(job).read(jobs.folder(job).result) if job.state == JobState.DONE else {}
    values = {"job": job.name, "state": job.state.value, "data": made.get("data"), "rows": made.get("rows")}
    text = f"{offer.hub_id}: {job.state.value}. {reason(job) or ''}".strip()
    answer(values | {"bytes": offer.bytes, "reason": reason(job)}, as_json=options.json, text=text)
    return ended(job)


def _wanted(options: argparse.Namespace) -> Wanted:
    return Wanted(hub_id=options.ref, config=options.config, split=options.split)


def _here(found: Dataset) -> dict[str, Any]:
    known = found.model_dump(include={"id", "name", "shape", "rows", "skipped", "shipped", "hub_id", "licence"})
    return known | {"bytes": found.path.stat().st_size if found.path.is_file() else 0}


def _facts(jobs: Jobs, offer: CorpusOffer) -> dict[str, Any]:
    found = room(jobs.workspace, offer.bytes)
    known = offer.model_dump(mode="json", exclude={"problem"})
    said = {"problem": offer.problem.say() if offer.problem else None}
    return known | said | {"bytes": offer.bytes, "free": found.free, "enough": found.enough}


def _told(jobs: Jobs, offer: CorpusOffer) -> str:
    """What a person should know before, the licence last."""
    free = in_words(room(jobs.workspace, offer.bytes).free)
    made = ", converted by the Hub" if offer.converted else ""
    lines = [
        f"{offer.hub_id}: {offer.config} {offer.split}".rstrip(),
        f"{len(offer.files)} parquet files{made}, {in_words(offer.bytes)}; {free} may be used on this disk",
        *([offer.problem.say()] if offer.problem else []),
        f"Licence: {offer.licence.title or 'none stated'} {offer.licence.link or ''}".rstrip(),
    ]
    return "\n".join(lines)
