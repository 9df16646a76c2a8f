"""`launch.py ask MODEL|RUN PICTURE… QUESTION` and `launch.py caption MODEL|RUN FOLDER`, `--resume JOB`."""

import argparse
from pathlib import Path
from typing import Any

from backend.captions import book, handing, submit
from backend.captions.prompts import usual
from backend.captions.submit import Wanted
from backend.cli.chat import START_SECONDS, named
from backend.cli.headless import open_jobs, supervised
from backend.cli.output import answer, say
from backend.cli.train import ended, follow, reason
from backend.data.pictures.decoding import decoded
from backend.errors import ChatError, DataError
from backend.inference import parts
from backend.inference.client import Engine
from backend.inference.sampling import Sampling
from backend.jobs.model import Job, JobState
from backend.jobs.service import Jobs
from backend.messages import sentence
from backend.people import HOME
from backend.setup import commands


def ask(options: argparse.Namespace) -> int:
    """One question about any number of pictures; without one it is said that the model has only the words."""
    jobs = open_jobs(Path(options.workspace))
    model = named(jobs, options.model)
    *files, question = options.asked
    message = parts.message(question, [picture(Path(file)) for file in files])
    if not files:
        say(sentence("chat.no_picture"))
    settings = Sampling(temperature=options.temperature, max_tokens=options.max_tokens)
    engine = Engine(jobs.workspace)
    with supervised(jobs.workspace):
        jobs.want_engine(HOME)
        engine.wait_ready(START_SECONDS)
        reply = engine.ask([message], model=model, settings=settings)
    values = {"reply": reply.text, "tokens": reply.tokens, "seconds": reply.seconds}
    answer(values, as_json=options.json, text=reply.text)
    return commands.DONE


def picture(path: Path) -> bytes:
    """The file as it is; DataError when it is none that can be shown to a model."""
    if not path.is_file():
        raise ChatError("chat.no_file", name=str(path)[:200])
    data = path.read_bytes()
    if len(data) > parts.MOST_BYTES:
        raise DataError("pictures.too_heavy", name=path.name, most=parts.MOST_BYTES // 1_000_000)
    decoded(data, path.name)
    return data


def caption(options: argparse.Namespace) -> int:
    """0 when every picture was looked at, also when some of them could not be captioned: those are listed."""
    jobs = open_jobs(Path(options.workspace))
    job = again(jobs, options.resume) if options.resume else begun(jobs, options)
    with supervised(jobs.workspace):
        job = follow(jobs, job)
    values = summary(jobs, job)
    answer(values, as_json=options.json, text=story(job, values))
    return ended(job)


def again(jobs: Jobs, ref: str) -> Job:
    """The job that goes on: back in the queue where it was stopped, interrupted or failed; one that waits or works
    is followed, one that is done has nothing left to do.
    """
    job, _ = handing.folder_of(HOME, jobs, ref)
    return jobs.resume(HOME, job.id) if job.resumable else job


def begun(jobs: Jobs, options: argparse.Namespace) -> Job:
    model = named(jobs, options.model)
    prompt = options.prompt or usual(HOME, jobs.workspace, model, options.language)
    wanted = Wanted(
        model=model,
        label=options.model,
        prompt=prompt,
        with_base=options.with_base,
        max_tokens=options.max_tokens,
    )
    return submit.start(HOME, jobs, options.folder, wanted, options.name or "")


def summary(jobs: Jobs, job: Job) -> dict[str, Any]:
    """Of what there is: a job that was stopped has made some captions, too."""
    folder = jobs.folder(job)
    entries = book.read(folder)
    failed = [{"picture": one.name, "reason": str(one.reason)} for one in entries if one.failed]
    return {
        "captions": str((folder.path / book.CAPTIONS).resolve()),
        "done": len(entries) - len(failed),
        "failed": failed,
        "job": job.name,
        "state": job.state.value,
        "reason": reason(job),
    }


def story(job: Job, values: dict[str, Any]) -> str:
    if job.state != JobState.DONE:
        how = f"{job.name}: {job.state.value} after {values['done']} captions. {values['reason'] or ''}".strip()
        return f'{how}\nTo go on: launch.py caption --resume "{job.name}"' if job.resumable else how
    lines = [f"{job.name}: {values['done']} captions in {values['captions']}"]
    return "\n".join([*lines, *(f"{one['picture']}: {one['reason']}" for one in values["failed"])])
