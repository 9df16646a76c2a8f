"""`launch.py train RECIPE`: the same job as in the page, with a progress bar."""

import argparse
import time
from datetime import date
from pathlib import Path
from typing import Any

from backend import names
from backend.chains import submit as chains_submit
from backend.cli import chain
from backend.cli.headless import open_jobs, supervised
from backend.cli.output import answer, say
from backend.cli.progress import Progress
from backend.data import datasets
from backend.errors import JobError, RecipeError
from backend.forecast import facade
from backend.forecast.size import size
from backend.hardware import this_machine
from backend.jobs.folder import RunFolder
from backend.jobs.model import ExitCode, Job, JobState
from backend.jobs.service import Jobs
from backend.jobs.tail import Tail
from backend.messages import sentence
from backend.models import catalogue
from backend.people import HOME
from backend.recipes import cards, chains, load
from backend.recipes.schema import Recipe
from backend.setup import commands
from backend.training.submit import start_training
from backend.verdict import card

POLL_SECONDS = 0.2
OF_RUN = "run:"


def command(options: argparse.Namespace) -> int:
    jobs = open_jobs(Path(options.workspace))
    job = submit(jobs, options)
    with supervised(jobs.workspace):
        job = follow(jobs, job)
    judged = card.of(job, jobs.folder(job))
    values = summary(jobs, job) | {"verdict": judged.words("en") if judged else None}
    answer(values, as_json=options.json, text=story(job, values))
    return ended(job)


def submit(jobs: Jobs, options: argparse.Namespace) -> Job:
    if (several := chains.bring(options.recipe)) is not None:
        choice = chain.choice(jobs, several, options.model, options.data, options.set)
        return chains_submit.start_chain(HOME, jobs, several, choice, options.name or free_name(jobs, several.id))
    title, published = recipe_of(jobs, options.recipe)
    meant = carded(published, options.card)
    recipe = load.with_changes(meant, dict(change.split("=", 1) for change in options.set))
    data = datasets.bring(HOME, jobs.workspace, options.data or recipe.defaults.data).id
    model = catalogue.bring(HOME, jobs.workspace, options.model or recipe.defaults.model).id
    if options.fit:
        recipe = fitting(jobs, recipe, model, data)
    name = options.name or free_name(jobs, title)
    return start_training(HOME, jobs, jobs.workspace, recipe, model=model, data=data, name=name)


def fitting(jobs: Jobs, recipe: Recipe, model: str, data: str) -> Recipe:
    """The recipe with what makes it fit, which is said; RecipeError when no change of settings is enough."""
    found = facade.make_fit(HOME, jobs.workspace, recipe, model=model, data=data)
    if found.model:
        raise RecipeError("forecast.fit_model", name=catalogue.find(HOME, jobs.workspace, found.model).name)
    sizes = {"needed": size(found.forecast.needs), "free": size(found.forecast.free_bytes)}
    if not found.fits:
        raise RecipeError("forecast.fit_not", **sizes)
    for move in found.moves:
        changed = ", ".join(f"{one.name} {one.before} → {one.after}" for one in move.changes)
        say(f"{sentence(move.key)} {changed}; then it needs {size(move.forecast.needs)}.")
    if not found.moves:
        say(sentence("forecast.fit_already", **sizes))
    return found.recipe


def recipe_of(jobs: Jobs, ref: str) -> tuple[str, Recipe]:
    """A recipe with the word its runs are named after; `run:NAME` is what an earlier run was started with."""
    if not ref.startswith(OF_RUN):
        found = load.bring(HOME, jobs.workspace, ref)
        return found.id, found.recipe
    job = jobs.find(HOME, ref.removeprefix(OF_RUN))
    folder = jobs.folder(job)
    if job.kind == chains_submit.KIND:
        raise JobError("chains.repeat", name=job.name, chain=folder.read(folder.request)["chain"])
    request = folder.read(folder.request)
    if "recipe" not in request:
        raise JobError("jobs.nothing_to_repeat", name=job.name)
    return job.name, load.parse(request["recipe"])


def carded(recipe: Recipe, wanted: str) -> Recipe:
    """The recipe for a card of so many GB; "auto" is this machine's own, "none" leaves it as it is."""
    if wanted == "auto":
        gigabytes = cards.of_machine(gpu.memory_bytes for gpu in this_machine().gpus) if recipe.cards else None
    else:
        gigabytes = None if wanted == "none" else int(wanted)
    if gigabytes is None:
        return recipe
    say(f"For a card of {gigabytes} GB.")
    return cards.on_card(recipe, gigabytes)


def free_name(jobs: Jobs, called: str) -> str:
    """`starter-lora 2026-11-22`, then `… 2`, `… 3`; a long name is cut so that the day fits behind it."""
    day = date.today().isoformat()
    cut = called[: names.LONGEST - len(day) - 1].rstrip(" .")
    return names.free(f"{cut} {day}", (job.name for job in jobs.all(HOME)))


def follow(jobs: Jobs, job: Job) -> Job:
    """Until the job has ended; Ctrl-C asks it to stop and save, a second Ctrl-C leaves it running."""
    progress, tail = Progress(), Tail(jobs.folder(job).events)
    asked = False
    while not job.ended:
        try:
            time.sleep(POLL_SECONDS)
            job = jobs.get(HOME, job.id)
            for event in tail.new():
                progress.show(event)
        except KeyboardInterrupt:
            if asked:
                raise
            asked = True
            say("Stopping and saving. Press Ctrl-C again to leave.")
            jobs.stop(HOME, job.id, save=True)
    progress.close()
    return job


def summary(jobs: Jobs, job: Job) -> dict[str, Any]:
    folder: RunFolder = jobs.folder(job)
    result = folder.read(folder.result)
    made = folder.model if folder.model.exists() else folder.adapter
    return {
        "run": job.name,
        "state": job.state.value,
        "adapter": str(made.resolve()) if made.exists() else None,
        "steps": result.get("steps"),
        "eval_loss": result.get("eval_loss"),
        "seconds": result.get("seconds"),
        "peak_memory_bytes": result.get("peak_memory_bytes"),
        "forecast_memory_bytes": result.get("forecast_memory_bytes", job.forecast_bytes),
        "reason": reason(job),
    }


def ended(job: Job) -> int:
    """The exit status that says how a job has ended."""
    return {JobState.DONE: commands.DONE, JobState.STOPPED: ExitCode.STOPPED}.get(job.state, commands.FAILED)


def reason(job: Job) -> str | None:
    return sentence(job.reason_key, **job.reason_values) if job.reason_key else None


def story(job: Job, values: dict[str, Any]) -> str:
    if job.state != JobState.DONE:
        return f"{job.name}: {job.state.value}. {values['reason'] or ''}".strip()
    done = f"{job.name}: done after {values['steps']} steps in {values['seconds']:.0f} s. Adapter: {values['adapter']}"
    verdict = values.get("verdict") or {"said": "", "learned": [], "forgotten": []}
    return "\n".join([done, verdict["said"], *verdict["learned"], *verdict["forgotten"]]).strip()
