"""`launch.py models`: the models of the workspace and of the Hub; downloaded and removed without the page."""

import argparse
from pathlib import Path
from typing import Any

from backend.cli.headless import open_jobs, supervised
from backend.cli.output import answer, say
from backend.cli.train import ended, follow, reason
from backend.errors import ModelError
from backend.hub import curated, desk, removal, submit
from backend.hub.curated import Curated
from backend.hub.offer import Found, Offer, Query
from backend.jobs.model import JobState
from backend.jobs.service import Jobs
from backend.jobs.upkeep import retention
from backend.jobs.upkeep.disk import in_words
from backend.models import catalogue
from backend.models.catalogue import Model
from backend.people import HOME
from backend.setup import commands

SHOWN_LICENCE = 2000


def command(options: argparse.Namespace) -> int:
    jobs = open_jobs(Path(options.workspace))
    if options.action != "list" and not options.name and not (options.action == "search" and options.curated):
        raise ModelError("hub.name_missing", action=options.action)
    return ACTIONS[options.action](jobs, options)


def listed(jobs: Jobs, options: argparse.Namespace) -> int:
    found = [_here(model) for model in catalogue.available(HOME, jobs.workspace)]
    lines = [f"{one['name']:32} {in_words(one['bytes']):>8}  {one['licence'] or ''}".rstrip() for one in found]
    answer({"models": found}, as_json=options.json, text="\n".join(lines))
    return commands.DONE


def search(jobs: Jobs, options: argparse.Namespace) -> int:
    if options.curated:
        rows = [_row(one) for one in curated.search(options.name or "", language=options.language, kind=options.kind)]
        more = False
    else:
        asked = Query(text=options.name, language=options.language, kind=options.kind or "text", page=options.page - 1)
        page = desk.search(HOME, asked)
        rows, more = [_row(one) for one in page.found], page.more
    answer({"models": rows, "more": more}, as_json=options.json, text="\n".join(map(_line, rows)) or "Nothing found.")
    return commands.DONE


def show(jobs: Jobs, options: argparse.Namespace) -> int:
    offer = desk.look(HOME, options.name)
    answer(_facts(jobs, offer), as_json=options.json, text=_told(jobs, offer))
    return commands.DONE if offer.problem is None else commands.FAILED


def download(jobs: Jobs, options: argparse.Namespace) -> int:
    offer = desk.look(HOME, options.name)
    if not options.accept_licence:
        say(_told(jobs, offer))
        say("To accept this licence and download: add --accept-licence")
    job = submit.download(HOME, jobs, offer, accepted=offer.licence.digest if options.accept_licence else "")
    with supervised(jobs.workspace):
        job = follow(jobs, job)
    values = {"job": job.name, "state": job.state.value, "model": job.id if job.state == JobState.DONE else None}
    text = f"{offer.hub_id}: {job.state.value}. {reason(job) or ''}".strip()
    answer(values | {"bytes": offer.bytes, "reason": reason(job)}, as_json=options.json, text=text)
    return ended(job)


def delete(jobs: Jobs, options: argparse.Namespace) -> int:
    model = catalogue.find(HOME, jobs.workspace, options.name)
    found = removal.consequences(HOME, jobs, model.id)
    needing = ", ".join(run.name for run in found.runs) or "none"
    say(f"{model.name}: frees {in_words(found.frees)}; runs that need it: {needing}")
    if options.yes:
        removal.delete(HOME, jobs, model.id)
    values = {"model": model.name, "frees": found.frees, "runs": [run.name for run in found.runs]}
    said = "Removed." if options.yes else "Nothing was removed. To remove it: add --yes"
    answer(values | {"removed": bool(options.yes)}, as_json=options.json, text=said)
    return commands.DONE


ACTIONS = {"list": listed, "search": search, "show": show, "download": download, "delete": delete}


def _here(model: Model) -> dict[str, Any]:
    known = model.model_dump(include={"id", "name", "source", "kind", "licence", "quantised", "shipped"})
    return known | {"folder": model.location, "bytes": retention.size(model.folder)}


def _row(one: Found | Curated) -> dict[str, Any]:
    known = one.model_dump(include={"parameters", "licence", "languages", "gated"}, mode="json")
    return {"id": one.id if isinstance(one, Curated) else one.hub_id} | known


def _line(row: dict[str, Any]) -> str:
    size = f"{row['parameters'] / 1e9:.2f} B" if row["parameters"] else "?"
    return f"{row['id']:52} {size:>9}  {row['licence'] or '?'}{'  (gated)' if row['gated'] else ''}"


def _facts(jobs: Jobs, offer: Offer) -> dict[str, Any]:
    found = submit.room(jobs.workspace, offer.bytes)
    known = offer.model_dump(mode="json", exclude={"config", "problem", "warning"})
    said = {name: one.say() if one else None for name, one in (("problem", offer.problem), ("warning", offer.warning))}
    return known | said | {"bytes": offer.bytes, "free": found.free, "enough": found.enough}


def _told(jobs: Jobs, offer: Offer) -> str:
    """What a person should know before, the licence last."""
    size = f"{offer.parameters / 1e9:.2f} billion parameters" if offer.parameters else "size not known"
    free = in_words(submit.room(jobs.workspace, offer.bytes).free)
    lines = [
        f"{offer.hub_id}: {offer.model_type or 'type not known'}, {size}",
        f"{len(offer.files)} files, {in_words(offer.bytes)}; {free} may be used on this disk",
        *(one.say() for one in (offer.problem, offer.warning) if one),
        f"Licence: {offer.licence.title or 'none stated'} {offer.licence.link or ''}".rstrip(),
        *([offer.licence.text[:SHOWN_LICENCE]] if offer.licence.text else []),
    ]
    return "\n".join(lines)
