"""`launch.py export RUN --to FORM` and `launch.py import FILE`: what leaves the studio, and what comes in."""

import argparse
from pathlib import Path
from typing import Any

from backend.cli.headless import open_jobs, supervised
from backend.cli.output import answer, say
from backend.cli.train import follow, reason
from backend.errors import ModelError
from backend.export import capsule, submit
from backend.export.parity.figures import sentence_of
from backend.export.request import Choice
from backend.jobs.model import ExitCode, Job, JobState
from backend.jobs.service import Jobs
from backend.messages import sentence
from backend.models import imports
from backend.people import HOME
from backend.setup import commands


def command(options: argparse.Namespace) -> int:
    """0 when it is there and says what the chat says, 1 when it failed or differs, 77 when it was stopped."""
    jobs = open_jobs(Path(options.workspace))
    choice = chosen(options)
    found = submit.prepare(HOME, jobs, options.run, choice)
    for sentence_before in filter(None, (submit.onto(found, choice), submit.forecast(found, choice))):
        say(str(sentence_before))
    job = submit.start_export(HOME, jobs, options.run, choice, options.name or "")
    with supervised(jobs.workspace):
        job = follow(jobs, job)
    values = summary(jobs, job)
    answer(values, as_json=options.json, text=story(job, values))
    if job.state == JobState.STOPPED:
        return ExitCode.STOPPED
    differs = (values.get("parity") or {}).get("verdict") == "differs"
    return commands.DONE if job.state == JobState.DONE and not differs else commands.FAILED


def take(options: argparse.Namespace) -> int:
    """A capsule, or a zip with an adapter, becomes a run."""
    jobs = open_jobs(Path(options.workspace))
    path, name = Path(options.file), options.name or ""
    if not path.is_file():
        raise ModelError("models.import_no_folder", path=str(path)[:200])
    job = capsule.take(HOME, jobs, path, name) if capsule.is_one(path) else imports.from_zip(HOME, jobs, path, name)
    values = {"run": job.name, "id": job.id, "folder": str(jobs.folder(job).path.resolve())}
    answer(values, as_json=options.json, text=f'{job.name}: taken in. Repeat it: launch.py train "run:{job.name}"')
    return commands.DONE


def chosen(options: argparse.Namespace) -> Choice:
    return Choice(
        to=options.to,
        dtype=options.dtype,
        rounded=options.rounded,
        precision=options.precision,
        hub=options.hub or "",
        what="merged" if options.merged else "adapter",
        private=not options.public,
        texts=options.texts,
        weights=options.with_adapter,
    )


def summary(jobs: Jobs, job: Job) -> dict[str, Any]:
    folder = jobs.folder(job)
    return folder.read(folder.result) | {"export": job.name, "state": job.state.value, "reason": reason(job)}


def story(job: Job, values: dict[str, Any]) -> str:
    if job.state != JobState.DONE:
        return f"{job.name}: {job.state.value}. {values['reason'] or ''}".strip()
    where = values.get("file") or values.get("address") or values.get("folder")
    lines = [f"{job.name}: done. {where}"]
    if values.get("parity"):
        key, said = sentence_of(values["parity"])
        lines.append(sentence(key, "en", **said))
    lines += [f"\n# {program}\n{text.strip()}" for program, text in (values.get("use") or {}).items()]
    return "\n".join(lines)
