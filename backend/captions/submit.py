"""Starting a captioning job: everything that can be refused is refused here, before a job exists."""

from dataclasses import dataclass
from pathlib import Path

from backend import names
from backend.captions import pictures
from backend.captions.request import KIND, LONGEST_PROMPT, CaptionRequest
from backend.errors import AccessError, ChatError
from backend.hardware import this_machine
from backend.inference.shelf import RUN, Shelf, Target
from backend.jobs.folder import RunFolder
from backend.jobs.model import Job, NewJob
from backend.jobs.service import Jobs
from backend.models import catalogue
from backend.people import Person

# Files are nearly always in 16 bits and become 32 on a processor; some more is needed to work.
ON_PROCESSOR, ON_CARD, SPARE = 2.0, 1.0, 1.3


@dataclass(frozen=True)
class Wanted:
    """`model`: as the engine names it, `label` as the person knows it. `with_base`: the base model is asked as well.
    `called`: what the person calls the pictures, "" for the name of the file.
    """

    model: str
    prompt: str
    label: str = ""
    with_base: bool = False
    max_tokens: int = 128
    called: str = ""


def start(person: Person, jobs: Jobs, source: Path, wanted: Wanted, name: str = "") -> Job:
    """Queue captions for a folder, an archive or one picture. AccessError when it is not there, DataError when it has
    no pictures, ChatError for a model that cannot see or an empty prompt, ModelError for a damaged adapter.
    """
    target = Shelf(jobs.workspace).find(person, wanted.model)
    label = wanted.label or wanted.model
    if not target.sees:
        raise ChatError("chat.no_eyes", name=label)
    target.check()
    if not wanted.prompt.strip():
        raise ChatError("captions.no_prompt")
    if len(wanted.prompt) > LONGEST_PROMPT:
        raise ChatError("chat.long", count=len(wanted.prompt), most=LONGEST_PROMPT)
    if not source.exists():
        raise AccessError("data.not_found")
    pictures.inside(source)
    called = wanted.called or source.stem
    asked = CaptionRequest(
        source=source.resolve(),
        called=called,
        model=wanted.model,
        label=label,
        base=_base(person, jobs, wanted.model),
        prompt=wanted.prompt.strip(),
        with_base=wanted.with_base and target.adapter is not None,
        max_tokens=wanted.max_tokens,
    )
    taken = [job.name for job in jobs.all(person)]
    new = NewJob(
        kind=KIND,
        name=name or names.free(names.from_file(called, "run"), taken, "run"),
        request=asked.model_dump(mode="json"),
        device="gpu:0" if this_machine(jobs.workspace.root).gpus else "cpu",
        forecast_bytes=_bytes(target, on_card=bool(this_machine(jobs.workspace.root).gpus)),
    )
    return jobs.submit(person, new)


def _base(person: Person, jobs: Jobs, model: str) -> str:
    """What the model that a run began with is called, or the model itself."""
    if not model.startswith(RUN):
        return catalogue.find(person, jobs.workspace, model).name
    folder = RunFolder(jobs.workspace.run(model.removeprefix(RUN)))
    return str(folder.read(folder.request).get("model", {}).get("name", ""))


def _bytes(target: Target, *, on_card: bool) -> int:
    files = sum(path.stat().st_size for path in Path(target.location).glob("*.safetensors"))
    return int(files * (ON_CARD if on_card else ON_PROCESSOR) * SPARE)
